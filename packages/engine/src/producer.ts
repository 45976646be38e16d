import type { CodecKind } from "@cation/rtp/payload/codec-kind";
import { codecKindOf, CodecKind as Kind } from "@cation/rtp/payload/codec-kind";
import type { Ssrc } from "@cation/rtp/units";
import { LayerLadder } from "./allocation/layer-ladder.ts";
import type { LadderLayer } from "./allocation/layer-ladder.ts";
import type { CodecParameters } from "./codec-parameters.ts";
import type { Consumer } from "./consumer.ts";
import type { LayerDemand } from "./demand/demand-watcher.ts";
import type { EngineContext } from "./engine-context.ts";
import type { EngineTransport } from "./engine-transport.ts";
import { ExtensionPlan } from "./extension-plan.ts";
import type { ExtensionPlanKey } from "./extension-plan.ts";
import { LayerActivity } from "./layer-activity.ts";
import type { LayerInfo } from "./layer-info.ts";
import { ForwardGroup } from "./forward-group.ts";
import type { ForwardGroupKey } from "./forward-group.ts";
import type { ProducerParams } from "./parameters.ts";
import { ProducerStream } from "./producer-stream.ts";
import type { ProducerStreamStats } from "./stats.ts";
import { ALL_TEMPORAL_LAYERS } from "./temporal-filter.ts";

/** Layers that one stream can have inside (SVC). */
const MAX_SPATIAL_ID = 7;

/** RTP ingress of a track: its encodings, its codecs, and who consumes it. */
export class Producer {
  /** As negotiated last. */
  params: ProducerParams;
  readonly transport: EngineTransport;
  /** In the order of `params.encodings`: lowest quality first. */
  readonly streams: readonly ProducerStream[];
  readonly consumers: Consumer[] = [];
  /** Which encodings go on and which have stopped. */
  readonly activity: LayerActivity;
  /** Of its consumers; holes where the last one has left. */
  readonly groups: (ForwardGroup | undefined)[] = [];
  /** Whether decoding can only start at some packets: video of a format that the engine knows. */
  hasKeyframes = false;
  closed = false;
  /** What its layers cost; for allocations. */
  readonly ladder = new LayerLadder((nowUs) => this.#ladderLayers(nowUs));
  /** When its participant last was the loudest of the room; whose rooms it is say so. */
  spokeAtUs = Number.NEGATIVE_INFINITY;
  /** What its sender was told last that anybody wants. */
  demand: LayerDemand;
  /** By payload type: kind of codec; -1 for none. */
  readonly #codecKinds = new Int8Array(128).fill(-1);
  readonly #codecs: (CodecParameters | undefined)[] = [];
  /** By RTX payload type: the payload type that it repeats (apt); -1 for none. */
  readonly #associated = new Int8Array(128).fill(-1);
  readonly #plans: ExtensionPlan[] = [];

  constructor(context: EngineContext, transport: EngineTransport, params: ProducerParams) {
    this.params = params;
    this.transport = transport;
    this.#takeCodecs(params);
    const clockRateHz = params.codecs[0]?.clockRateHz ?? (params.kind === "audio" ? 48_000 : 90_000);
    const usesNack = params.codecs.some((codec) => codec.feedback.nack);
    this.activity = new LayerActivity(params.encodings.length);
    this.streams = params.encodings.map((_, i) => new ProducerStream(context, this, i, clockRateHz, usesNack));
    this.demand = { maxSpatialId: this.maxSpatialId, maxTemporalId: ALL_TEMPORAL_LAYERS };
  }

  /** Highest layer that can be wanted of it. */
  get maxSpatialId(): number {
    return this.streams.length > 1 ? this.streams.length - 1 : MAX_SPATIAL_ID;
  }

  /** Takes renegotiated parameters over; consumers choose codecs and extensions anew. For the engine. */
  update(params: ProducerParams, nowUs: number): void {
    this.params = params;
    this.#takeCodecs(params);
    this.#plans.length = 0;
    for (const [i, encoding] of params.encodings.entries()) {
      const stream = this.streams[i];
      if (encoding.ssrc !== 0 && encoding.ssrc !== stream.ssrc) stream.changeSsrc(encoding.ssrc as Ssrc, nowUs);
      if (encoding.rtxSsrc !== 0) stream.rtxSsrc = encoding.rtxSsrc;
    }
    for (const consumer of this.consumers) {
      for (const stream of consumer.streams) stream.rebind(this);
    }
  }

  /** Kind of the codec with this payload type; -1 where the producer has none. */
  codecKindOf(payloadType: number): CodecKind | -1 {
    return this.#codecKinds[payloadType] as CodecKind | -1;
  }

  codecOf(payloadType: number): CodecParameters | undefined {
    return this.#codecs[payloadType];
  }

  /** Whether its m-line has this payload type, RTX included. */
  hasPayloadType(payloadType: number): boolean {
    return this.#codecKinds[payloadType] >= 0 || this.#associated[payloadType] >= 0;
  }

  isRtxPayloadType(payloadType: number): boolean {
    return this.#associated[payloadType] >= 0;
  }

  /** Payload type that an RTX payload type repeats; -1 for none. */
  associatedPayloadType(rtxPayloadType: number): number {
    return this.#associated[rtxPayloadType];
  }

  get clockRateHz(): number {
    return this.params.codecs[0]?.clockRateHz ?? 90_000;
  }

  /** Whether a keyframe is asked for by FIR (RFC 5104), because PLI was not negotiated. */
  get keyframesByFir(): boolean {
    const codec = this.params.codecs[0];
    return codec !== undefined && codec.feedback.fir && !codec.feedback.pli;
  }

  /** The plan of all consumers with that key. */
  planFor(key: ExtensionPlanKey): ExtensionPlan {
    for (const plan of this.#plans) {
      if (plan.serves(key)) return plan;
    }
    const plan = new ExtensionPlan(key);
    this.#plans.push(plan);
    return plan;
  }

  /** Index of the group of all consumers with that key; counts one more user. */
  joinGroup(key: ForwardGroupKey): number {
    const { groups } = this;
    let index = groups.findIndex((group) => group?.serves(key) === true);
    if (index < 0) {
      const hole = groups.indexOf(undefined);
      index = hole < 0 ? groups.length : hole;
      groups[index] = new ForwardGroup(this, key);
    }
    (groups[index] as ForwardGroup).users++;
    return index;
  }

  leaveGroup(index: number): void {
    const group = this.groups[index];
    if (group !== undefined && --group.users === 0) this.groups[index] = undefined;
  }

  /** Encodings started or stopped sending: consumers choose anew. */
  activeStreamsChanged(nowUs: number): void {
    this.ladder.invalidate();
    for (const consumer of this.consumers.slice()) {
      consumer.reselect(nowUs);
      consumer.wakeAllocation(nowUs);
    }
  }

  /**
   * The layers of the track, lowest first: spatial layers are its encodings or, where there is one encoding only, the
   * layers inside it. Fresh, for allocation and statistics; empty for audio.
   */
  layers(nowUs: number): readonly LayerInfo[] {
    const infos: LayerInfo[] = [];
    if (!this.hasKeyframes) return infos;
    if (this.streams.length > 1) {
      for (const stream of this.streams) pushLayers(infos, stream, stream.index, 0, nowUs);
      return infos;
    }
    const [stream] = this.streams;
    for (let spatialId = 0; spatialId < stream.layers.spatialCount; spatialId++) {
      pushLayers(infos, stream, spatialId, spatialId, nowUs);
    }
    return infos;
  }

  /** Looks whether encodings or layers have stopped. */
  checkActivity(timeoutUs: number, nowUs: number): void {
    this.activity.check();
    for (const stream of this.streams) stream.checkActivity(timeoutUs, nowUs);
  }

  /** How loud it is: 0 silent … 127 as loud as can be; 0 for video. */
  loudness(nowUs: number): number {
    return this.streams[0].level?.loudness(nowUs) ?? 0;
  }

  /** Its participant speaks: pictures of it come before others'. For whoever knows the room. */
  markSpoke(nowUs: number): void {
    this.spokeAtUs = nowUs;
    for (const consumer of this.consumers) consumer.wakeAllocation(nowUs);
  }

  /** Fresh figures of each encoding; for scrapes. */
  stats(nowUs: number): ProducerStreamStats[] {
    return this.streams.map((stream) => ({
      encoding: stream.index,
      rid: stream.rid,
      ssrc: stream.ssrc,
      active: stream.active,
      packets: stream.packets,
      bytes: stream.bytes,
      bitrateBps: stream.rate.bps(nowUs),
      lostPackets: stream.reception.cumulativeLost,
      recoveredPackets: stream.recovered,
      duplicates: stream.duplicates,
      jitterUs: Math.round((stream.reception.jitter * 1_000_000) / this.clockRateHz),
      nackedPackets: stream.nack?.requested ?? 0,
      keyframesReceived: stream.keyframesReceived,
      keyframeRequestsSent: stream.keyframeRequestsSent,
    }));
  }

  /** A track whose format the engine does not look into has its encodings for layers. */
  #ladderLayers(nowUs: number): readonly LadderLayer[] {
    if (this.hasKeyframes) return this.layers(nowUs);
    return this.streams.map(({ index, active, rate }) => ({
      spatialId: index,
      temporalId: ALL_TEMPORAL_LAYERS,
      bitrateBps: rate.bps(nowUs),
      active,
      height: 0,
    }));
  }

  #takeCodecs(params: ProducerParams): void {
    this.#codecKinds.fill(-1);
    this.#associated.fill(-1);
    this.#codecs.length = 0;
    for (const codec of params.codecs) {
      this.#codecKinds[codec.payloadType] = codecKindOf(codec.mimeType);
      this.#codecs[codec.payloadType] = codec;
      if (codec.rtxPayloadType > 0) this.#associated[codec.rtxPayloadType] = codec.payloadType;
    }
    this.hasKeyframes = params.kind === "video" && params.codecs.some((codec) => hasKeyframes(codec));
  }
}

/** One spatial layer, once for each of its temporal layers. `spatialId` is the track's, `inner` the stream's. */
function pushLayers(infos: LayerInfo[], stream: ProducerStream, spatialId: number, inner: number, nowUs: number): void {
  const { layers } = stream;
  const active = stream.active && inner <= layers.topSpatialId;
  const top = stream.producer.streams.length > 1 ? layers.topSpatialId : inner;
  for (let temporalId = 0; temporalId <= layers.maxTemporalId; temporalId++) {
    infos.push({
      spatialId,
      temporalId,
      bitrateBps: layers.bitrateBps(top, temporalId, nowUs),
      active,
      width: layers.widths[top],
      height: layers.heights[top],
    });
  }
}

function hasKeyframes(codec: CodecParameters): boolean {
  const kind = codecKindOf(codec.mimeType);
  return kind === Kind.VP8 || kind === Kind.VP9 || kind === Kind.H264 || kind === Kind.AV1;
}
