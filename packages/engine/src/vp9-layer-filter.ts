import { pictureIdDelta } from "@cation/rtp/sequence";
import type { IncomingPacket } from "./incoming-packet.ts";
import type { LayerFilter } from "./layer-filter.ts";
import { LayerHistory } from "./layer-history.ts";
import type { StreamLayers } from "./stream-layers.ts";

const PICTURE_ID_BITS = 15;

/**
 * Layers of VP9 by its payload descriptor (RFC 9628 §4.2), flexible mode and not. What is switched and where:
 *
 * - up in space at a keyframe only: nothing earlier tells that an upper layer needs no picture before;
 * - down in space at the next picture where all of that layer was forwarded (full SVC); at a keyframe where it was left
 *   out because upper layers do not need it (k-SVC: Z is set on all but keyframes);
 * - up in time behind a picture with U that the receiver gets; down in time at the next picture.
 */
export class Vp9LayerFilter implements LayerFilter {
  spatialId = 0;
  temporalId = 0;
  endsPicture = false;
  readonly activeTargets = -1;

  #layers: StreamLayers | undefined;
  #wantedSpatialId = 0;
  #wantedTemporalId = 0;
  /** Newest picture; -1 before the first. */
  #newest = -1;
  /** Bit s: frames of spatial layer s have been left out since the last keyframe. */
  #leftOut = 0;
  readonly #history = new LayerHistory(PICTURE_ID_BITS);

  get needsKeyframe(): boolean {
    const wanted = this.#reachable();
    return wanted > this.spatialId || (wanted < this.spatialId && this.#isLeftOut(wanted));
  }

  restart(layers: StreamLayers): void {
    this.#layers = layers;
    this.#newest = -1;
    this.#history.clear();
  }

  setWanted(spatialId: number, temporalId: number): void {
    this.#wantedSpatialId = spatialId;
    this.#wantedTemporalId = temporalId;
  }

  passes(packet: IncomingPacket): boolean {
    const age = this.#newest < 0 ? 1 : pictureIdDelta(packet.pictureId, this.#newest, PICTURE_ID_BITS);
    if (age > 0) this.#beginPicture(packet);
    const state = age >= 0 ? pack(this.spatialId, this.temporalId) : this.#history.at(packet.pictureId);
    const topSpatialId = state >> 4;
    const { spatialId } = packet;
    this.endsPicture = packet.frameEnd && spatialId === topSpatialId;
    if (packet.temporalId > (state & 0xf) || spatialId > topSpatialId) return false;
    if (spatialId === topSpatialId || packet.usedAbove) return true;
    if (age >= 0) this.#leftOut |= 1 << spatialId;
    return false;
  }

  /** The layers change between pictures only. */
  #beginPicture(packet: IncomingPacket): void {
    const first = this.#newest < 0;
    this.#newest = packet.pictureId;
    const before = pack(this.spatialId, this.temporalId);
    if (first || (packet.spatialId === 0 && !packet.interPicturePredicted)) {
      this.spatialId = this.#reachable();
      this.temporalId = this.#wantedTemporalId;
      this.#leftOut = 0;
    } else {
      this.#adjust(packet);
    }
    const after = pack(this.spatialId, this.temporalId);
    if (first || after !== before) this.#history.push(packet.pictureId, after);
  }

  #adjust(packet: IncomingPacket): void {
    const wanted = this.#reachable();
    if (wanted < this.spatialId && !this.#isLeftOut(wanted)) this.spatialId = wanted;
    if (this.#wantedTemporalId < this.temporalId) {
      this.temporalId = this.#wantedTemporalId;
    } else if (packet.layerSync && packet.temporalId <= this.temporalId) {
      // No picture of a higher layer that follows needs one of a higher layer before this (RFC 9628 §4.2, U).
      this.temporalId = this.#wantedTemporalId;
    }
  }

  /** What is wanted, as far as the sender says that it is there. */
  #reachable(): number {
    const count = this.#layers?.announcedSpatialCount ?? 0;
    return count > 0 && this.#wantedSpatialId >= count ? count - 1 : this.#wantedSpatialId;
  }

  #isLeftOut(spatialId: number): boolean {
    return ((this.#leftOut >> spatialId) & 1) !== 0;
  }
}

function pack(spatialId: number, temporalId: number): number {
  return (spatialId << 4) | temporalId;
}
