import { timestampDelta } from "@cation/rtp/sequence";
import { DecodeTargetFilter } from "./decode-target-filter.ts";
import type { IncomingPacket } from "./incoming-packet.ts";
import type { LayerFilter } from "./layer-filter.ts";
import { LayeredSendLog } from "./layered-send-log.ts";
import { Layering } from "./layering.ts";
import type { ProducerStream } from "./producer-stream.ts";
import { Vp9LayerFilter } from "./vp9-layer-filter.ts";

/** What one consumer stream keeps of a source with several layers inside it. */
export class ConsumerLayers {
  readonly sent = new LayeredSendLog();
  #filter: LayerFilter | undefined;
  #source: ProducerStream | undefined;
  #sourceKey = -1;
  #layering: Layering = Layering.NONE;
  #spatialId = 0;
  #temporalId = 0;
  #endsPicture = false;
  /** Timestamps (int32) of the pictures of which packets passed unread: their other packets must follow. */
  #unreadFrom = 0;
  #unreadTo = 0;
  #anyUnread = false;
  #newestTimestamp = 0;

  constructor(maxSpatialId: number, maxTemporalId: number) {
    this.#spatialId = maxSpatialId;
    this.#temporalId = maxTemporalId;
  }

  /** Highest layers that are wanted. */
  setWanted(spatialId: number, temporalId: number): void {
    this.#spatialId = spatialId;
    this.#temporalId = temporalId;
    this.#filter?.setWanted(spatialId, temporalId);
  }

  /** What is wanted of `source` cannot be had before its next keyframe. */
  needsKeyframeOf(source: ProducerStream): boolean {
    return this.#isOf(source) && this.#filter?.needsKeyframe === true;
  }

  /** Decode targets that the receiver is to be told; -1 where the sender's word holds. */
  get activeTargets(): number {
    return this.#filter?.activeTargets ?? -1;
  }

  /** Of the packet that passed last: it ends a picture for this receiver, whose end the sender did not mark there. */
  get endsPicture(): boolean {
    return this.#endsPicture;
  }

  /** Whether a packet of `source`, which tells its layers, is for the receiver. */
  passes(packet: IncomingPacket, source: ProducerStream): boolean {
    this.#endsPicture = false;
    const newestTimestamp = this.#newestTimestamp;
    if (timestampDelta(packet.timestamp, newestTimestamp) > 0) this.#newestTimestamp = packet.timestamp;
    if (packet.layering === Layering.UNREADABLE) {
      this.#noteUnread(packet.timestamp, newestTimestamp);
      return true;
    }
    const filter = this.#filterOf(packet, source);
    const passes = filter.passes(packet);
    if (this.#anyUnread && this.#isUnread(packet)) return true;
    if (!passes) return false;
    this.#endsPicture = filter.endsPicture && !packet.marker;
    return true;
  }

  #noteUnread(timestamp: number, newestTimestamp: number): void {
    const goesOn = this.#anyUnread && this.#unreadTo === newestTimestamp;
    if (goesOn && timestampDelta(timestamp, newestTimestamp) <= 0) return;
    if (!goesOn) this.#unreadFrom = timestamp;
    this.#unreadTo = timestamp;
    this.#anyUnread = true;
  }

  #isUnread(packet: IncomingPacket): boolean {
    const { timestamp } = packet;
    return timestampDelta(timestamp, this.#unreadFrom) >= 0 && timestampDelta(timestamp, this.#unreadTo) <= 0;
  }

  #filterOf(packet: IncomingPacket, source: ProducerStream): LayerFilter {
    let filter = this.#filter;
    if (filter !== undefined && this.#isOf(source) && this.#layering === packet.layering) return filter;
    if (filter === undefined || this.#layering !== packet.layering) {
      filter = packet.layering === Layering.VP9 ? new Vp9LayerFilter() : new DecodeTargetFilter();
      this.#filter = filter;
    }
    this.#layering = packet.layering;
    this.#source = source;
    this.#sourceKey = source.sourceKey;
    filter.restart(source.layers);
    filter.setWanted(this.#spatialId, this.#temporalId);
    return filter;
  }

  #isOf(source: ProducerStream): boolean {
    return this.#source === source && this.#sourceKey === source.sourceKey;
  }
}
