import type { BitReader } from "./bit-reader.ts";

/** Limits of the syntax (AV1 RTP §A.8.2) and, for layers and references, of what encoders can make. */
export const MAX_DECODE_TARGETS = 32;
export const MAX_TEMPLATES = 64;
export const MAX_CHAINS = 32;
export const MAX_FDIFFS = 16;
const MAX_SPATIAL_LAYERS = 4;
const MAX_TEMPORAL_LAYERS = 8;

/** How a frame relates to a decode target (AV1 RTP table A.1). */
export const DecodeTargetIndication = { NOT_PRESENT: 0, DISCARDABLE: 1, SWITCH: 2, REQUIRED: 3 } as const;

/**
 * The template dependency structure of a stream: what each frame's descriptor refers to (AV1 RTP §A.8.2). Sent with
 * keyframes; some 5 KB, so keep one a stream, not one a viewer.
 */
export class DependencyStructure {
  templateIdOffset = 0;
  /** 0: no structure is known yet. */
  templateCount = 0;
  decodeTargetCount = 0;
  chainCount = 0;
  maxSpatialId = 0;
  maxTemporalId = 0;
  readonly templateSpatialIds = new Uint8Array(MAX_TEMPLATES);
  readonly templateTemporalIds = new Uint8Array(MAX_TEMPLATES);
  /** DecodeTargetIndication at [template · MAX_DECODE_TARGETS + target]. */
  readonly templateDtis = new Uint8Array(MAX_TEMPLATES * MAX_DECODE_TARGETS);
  readonly templateFdiffCounts = new Uint8Array(MAX_TEMPLATES);
  /** Frames back to a referred frame (1 … 16), at [template · MAX_FDIFFS + i]. */
  readonly templateFdiffs = new Uint8Array(MAX_TEMPLATES * MAX_FDIFFS);
  /** Frames back to the previous one in the chain, 0 for none needed, at [template · MAX_CHAINS + chain]. */
  readonly templateChainFdiffs = new Uint8Array(MAX_TEMPLATES * MAX_CHAINS);
  /** Chain that protects each decode target; meaningless where `chainCount` is 0. */
  readonly targetChains = new Uint8Array(MAX_DECODE_TARGETS);
  readonly targetSpatialIds = new Uint8Array(MAX_DECODE_TARGETS);
  readonly targetTemporalIds = new Uint8Array(MAX_DECODE_TARGETS);
  hasResolutions = false;
  /** Pixels by spatial layer; 0 where not given. Up to 65536. */
  readonly widths = new Uint32Array(MAX_SPATIAL_LAYERS);
  readonly heights = new Uint32Array(MAX_SPATIAL_LAYERS);

  /** All decode targets, one bit each: what is active unless a mask says otherwise. */
  get allTargetsMask(): number {
    return 2 ** this.decodeTargetCount - 1;
  }

  /** Forgets the structure. */
  clear(): void {
    this.templateCount = 0;
    this.decodeTargetCount = 0;
    this.chainCount = 0;
  }

  /** Takes over another structure: what a stream does when a descriptor in order brought one. */
  copyFrom(other: DependencyStructure): void {
    this.templateIdOffset = other.templateIdOffset;
    this.templateCount = other.templateCount;
    this.decodeTargetCount = other.decodeTargetCount;
    this.chainCount = other.chainCount;
    this.maxSpatialId = other.maxSpatialId;
    this.maxTemporalId = other.maxTemporalId;
    this.templateSpatialIds.set(other.templateSpatialIds);
    this.templateTemporalIds.set(other.templateTemporalIds);
    this.templateDtis.set(other.templateDtis);
    this.templateFdiffCounts.set(other.templateFdiffCounts);
    this.templateFdiffs.set(other.templateFdiffs);
    this.templateChainFdiffs.set(other.templateChainFdiffs);
    this.targetChains.set(other.targetChains);
    this.targetSpatialIds.set(other.targetSpatialIds);
    this.targetTemporalIds.set(other.targetTemporalIds);
    this.hasResolutions = other.hasResolutions;
    this.widths.set(other.widths);
    this.heights.set(other.heights);
  }

  /**
   * Reads template_dependency_structure(). False where it has more layers or references than an encoder can make; the
   * structure is unusable then. The caller checks the reader's `overrun`.
   */
  read(bits: BitReader): boolean {
    this.templateIdOffset = bits.read(6);
    this.decodeTargetCount = bits.read(5) + 1;
    if (!this.#readLayers(bits)) return false;
    for (let template = 0; template < this.templateCount; template++) {
      for (let target = 0; target < this.decodeTargetCount; target++) {
        this.templateDtis[template * MAX_DECODE_TARGETS + target] = bits.read(2);
      }
    }
    if (!this.#readFdiffs(bits)) return false;
    this.#readChains(bits);
    this.#deriveTargetLayers();
    this.#readResolutions(bits);
    return true;
  }

  #readLayers(bits: BitReader): boolean {
    let spatialId = 0;
    let temporalId = 0;
    let count = 0;
    let nextLayer = 0;
    this.maxTemporalId = 0;
    do {
      if (count === MAX_TEMPLATES) return false;
      this.templateSpatialIds[count] = spatialId;
      this.templateTemporalIds[count] = temporalId;
      count++;
      nextLayer = bits.read(2);
      if (nextLayer === 1) {
        temporalId++;
        if (temporalId === MAX_TEMPORAL_LAYERS) return false;
        if (temporalId > this.maxTemporalId) this.maxTemporalId = temporalId;
      } else if (nextLayer === 2) {
        temporalId = 0;
        spatialId++;
        if (spatialId === MAX_SPATIAL_LAYERS) return false;
      }
    } while (nextLayer !== 3);
    this.templateCount = count;
    this.maxSpatialId = spatialId;
    return true;
  }

  #readFdiffs(bits: BitReader): boolean {
    for (let template = 0; template < this.templateCount; template++) {
      let count = 0;
      while (bits.flag()) {
        if (count === MAX_FDIFFS) return false;
        this.templateFdiffs[template * MAX_FDIFFS + count] = bits.read(4) + 1;
        count++;
      }
      this.templateFdiffCounts[template] = count;
    }
    return true;
  }

  #readChains(bits: BitReader): void {
    this.chainCount = bits.readNonSymmetric(this.decodeTargetCount + 1);
    if (this.chainCount === 0) return;
    for (let target = 0; target < this.decodeTargetCount; target++) {
      this.targetChains[target] = bits.readNonSymmetric(this.chainCount);
    }
    for (let template = 0; template < this.templateCount; template++) {
      for (let chain = 0; chain < this.chainCount; chain++) {
        this.templateChainFdiffs[template * MAX_CHAINS + chain] = bits.read(4);
      }
    }
  }

  /** decode_target_layers(): a target has the highest layers of the frames that belong to it. */
  #deriveTargetLayers(): void {
    for (let target = 0; target < this.decodeTargetCount; target++) {
      let spatialId = 0;
      let temporalId = 0;
      for (let template = 0; template < this.templateCount; template++) {
        const dti = this.templateDtis[template * MAX_DECODE_TARGETS + target];
        if (dti === DecodeTargetIndication.NOT_PRESENT) continue;
        spatialId = Math.max(spatialId, this.templateSpatialIds[template]);
        temporalId = Math.max(temporalId, this.templateTemporalIds[template]);
      }
      this.targetSpatialIds[target] = spatialId;
      this.targetTemporalIds[target] = temporalId;
    }
  }

  #readResolutions(bits: BitReader): void {
    this.hasResolutions = bits.flag();
    for (let spatialId = 0; spatialId < MAX_SPATIAL_LAYERS; spatialId++) {
      const given = this.hasResolutions && spatialId <= this.maxSpatialId;
      this.widths[spatialId] = given ? bits.read(16) + 1 : 0;
      this.heights[spatialId] = given ? bits.read(16) + 1 : 0;
    }
  }
}
