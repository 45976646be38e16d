import { DecodeTargetIndication, MAX_DECODE_TARGETS } from "@cation/rtp/payload/dependency-structure";
import type { DependencyStructure } from "@cation/rtp/payload/dependency-structure";
import { seqDelta } from "@cation/rtp/sequence";
import type { IncomingPacket } from "./incoming-packet.ts";
import type { LayerFilter } from "./layer-filter.ts";
import { LayerHistory } from "./layer-history.ts";
import type { StreamLayers } from "./stream-layers.ts";

const FRAME_NUMBER_BITS = 16;
/** Forwarded frames that are remembered, a power of two: references further back count as not forwarded. */
const REMEMBERED_FRAMES = 64;
const REMEMBERED_MASK = REMEMBERED_FRAMES - 1;

/**
 * Layers by the dependency descriptor (AV1 RTP, appendix A): a receiver has one decode target and gets the frames that
 * this one needs. It changes at a keyframe; else to a target whose frames are all among those forwarded, at any frame; to
 * any other at a frame that is a switch for it (§A.4) and whose references were forwarded.
 */
export class DecodeTargetFilter implements LayerFilter {
  spatialId = 0;
  temporalId = 0;
  endsPicture = false;
  activeTargets = -1;

  #layers: StreamLayers | undefined;
  #wantedSpatialId = 0;
  #wantedTemporalId = 0;
  #target = 0;
  #wantedTarget = 0;
  /** The receiver was told since the last structure that not all targets are active: that holds until it is told again. */
  #toldFewer = false;
  /** Newest frame number; -1 before the first. */
  #newest = -1;
  /** RTP timestamp of its picture. */
  #timestamp = 0;
  readonly #history = new LayerHistory(FRAME_NUMBER_BITS);
  readonly #forwarded = new Int32Array(REMEMBERED_FRAMES).fill(-1);

  get needsKeyframe(): boolean {
    const structure = this.#layers?.structure;
    if (structure === undefined || this.#wantedTarget === this.#target) return false;
    if (structure.targetSpatialIds[this.#wantedTarget] === this.spatialId) return false;
    return !isPartOf(structure, this.#wantedTarget, this.#target);
  }

  restart(layers: StreamLayers): void {
    this.#layers = layers;
    this.#newest = -1;
    this.#history.clear();
    this.#forwarded.fill(-1);
  }

  setWanted(spatialId: number, temporalId: number): void {
    this.#wantedSpatialId = spatialId;
    this.#wantedTemporalId = temporalId;
    this.#choose();
  }

  passes(packet: IncomingPacket): boolean {
    const { dependency, pictureId: frameId } = packet;
    const structure = this.#layers?.structure as DependencyStructure;
    const age = this.#newest < 0 ? 1 : seqDelta(frameId, this.#newest);
    if (age > 0) this.#beginFrame(packet, structure);
    const target = age >= 0 ? this.#target : this.#history.at(frameId);
    const passes = dependency.dtis[target] !== DecodeTargetIndication.NOT_PRESENT;
    this.endsPicture = packet.frameEnd && packet.spatialId === structure.targetSpatialIds[target];
    if (passes && age > 0) this.#forwarded[frameId & REMEMBERED_MASK] = frameId;
    return passes;
  }

  #beginFrame(packet: IncomingPacket, structure: DependencyStructure): void {
    const first = this.#newest < 0;
    const startsPicture = packet.timestamp !== this.#timestamp;
    this.#newest = packet.pictureId;
    this.#timestamp = packet.timestamp;
    const { structurePresent, activeDecodeTargets } = packet.dependency;
    if (first || structurePresent || activeDecodeTargets >= 0) this.#choose();
    const before = this.#target;
    if (first || structurePresent) this.#target = this.#wantedTarget;
    else if (startsPicture && this.#wantedTarget !== this.#target) this.#target = this.#nextTarget(packet, structure);
    if (first || structurePresent) this.#toldFewer = false;
    if (first || structurePresent || this.#target !== before) this.#take(packet, structure);
  }

  /** The target holds from the first frame of the packet's picture on, which has one frame for each spatial layer. */
  #take(packet: IncomingPacket, structure: DependencyStructure): void {
    const target = this.#target;
    this.spatialId = structure.targetSpatialIds[target];
    this.temporalId = structure.targetTemporalIds[target];
    this.#history.push((packet.pictureId - packet.spatialId) & 0xffff, target);
    const sent = this.#layers?.activeTargets ?? 0;
    let mask = 0;
    for (let other = 0; other < structure.decodeTargetCount; other++) {
      if (((sent >>> other) & 1) !== 0 && isPartOf(structure, other, target)) mask |= 1 << other;
    }
    if (mask >>> 0 !== sent >>> 0) this.#toldFewer = true;
    this.activeTargets = this.#toldFewer ? mask >>> 0 : -1;
  }

  /** The target to have from this frame on, on the way to the wanted one. */
  #nextTarget(packet: IncomingPacket, structure: DependencyStructure): number {
    const wanted = this.#wantedTarget;
    if (this.#goesTo(packet, structure, wanted)) return wanted;
    const rank = rankOf(structure, this.#target);
    const wantedRank = rankOf(structure, wanted);
    let best = this.#target;
    for (let target = 0; target < structure.decodeTargetCount; target++) {
      if (structure.targetTemporalIds[target] > structure.targetTemporalIds[wanted]) continue;
      const between = rankOf(structure, target);
      if (wantedRank > rank) {
        const better = between > rankOf(structure, best) && between < wantedRank;
        if (better && this.#goesTo(packet, structure, target)) best = target;
      } else if (between < rank && between > wantedRank && this.#goesTo(packet, structure, target)) {
        if (best === this.#target || between > rankOf(structure, best)) best = target;
      }
    }
    return best;
  }

  /** Whether `target` can be had from this frame on. Another spatial layer only from the first frame of a picture on. */
  #goesTo(packet: IncomingPacket, structure: DependencyStructure, target: number): boolean {
    if (structure.targetSpatialIds[target] !== this.spatialId && packet.spatialId > 0) return false;
    return isPartOf(structure, target, this.#target) || this.#switchesTo(packet, target);
  }

  #switchesTo(packet: IncomingPacket, target: number): boolean {
    const { dtis, fdiffs, fdiffCount } = packet.dependency;
    if (dtis[target] !== DecodeTargetIndication.SWITCH) return false;
    for (let i = 0; i < fdiffCount; i++) {
      const reference = (packet.pictureId - fdiffs[i]) & 0xffff;
      if (this.#forwarded[reference & REMEMBERED_MASK] !== reference) return false;
    }
    return true;
  }

  /** The target with the highest layers that are wanted and sent; the lowest one where none is. */
  #choose(): void {
    const structure = this.#layers?.structure;
    if (structure === undefined || structure.decodeTargetCount === 0) return;
    const sent = this.#layers?.activeTargets ?? 0;
    let best = -1;
    let lowest = 0;
    for (let target = 0; target < Math.min(structure.decodeTargetCount, MAX_DECODE_TARGETS); target++) {
      if (rankOf(structure, target) < rankOf(structure, lowest)) lowest = target;
      if (((sent >>> target) & 1) === 0) continue;
      if (structure.targetSpatialIds[target] > this.#wantedSpatialId) continue;
      if (structure.targetTemporalIds[target] > this.#wantedTemporalId) continue;
      if (best < 0 || rankOf(structure, target) > rankOf(structure, best)) best = target;
    }
    this.#wantedTarget = best < 0 ? lowest : best;
  }
}

function rankOf(structure: DependencyStructure, target: number): number {
  return structure.targetSpatialIds[target] * 8 + structure.targetTemporalIds[target];
}

/** Whether all frames of decode target `part` are frames of `whole` too. */
function isPartOf(structure: DependencyStructure, part: number, whole: number): boolean {
  if (part === whole) return true;
  for (let template = 0; template < structure.templateCount; template++) {
    const row = template * MAX_DECODE_TARGETS;
    const { templateDtis } = structure;
    if (templateDtis[row + part] !== 0 && templateDtis[row + whole] === 0) return false;
  }
  return true;
}
