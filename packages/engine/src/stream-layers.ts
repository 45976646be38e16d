import type { DependencyDescriptor } from "@cation/rtp/payload/dependency-descriptor";
import { DependencyStructure } from "@cation/rtp/payload/dependency-structure";
import type { IncomingPacket } from "./incoming-packet.ts";
import { LayerActivity } from "./layer-activity.ts";
import { MAX_SPATIAL_LAYERS, MAX_TEMPORAL_LAYERS } from "./layering.ts";
import { PictureIdUnwrapper } from "./picture-id-unwrapper.ts";
import { RateWindow } from "./rate-window.ts";

const CELLS = MAX_SPATIAL_LAYERS * MAX_TEMPORAL_LAYERS;

/**
 * What is known of the layers inside one encoding: how many there are, which of them come, their sizes and bitrates, and
 * what later packets need to be understood. Kept once a stream as it arrives, whoever consumes it.
 */
export class StreamLayers {
  readonly pictureIds = new PictureIdUnwrapper();
  /** Dependency descriptors refer to it; undefined before a packet brought one. */
  structure: DependencyStructure | undefined;
  /** Decode targets that the sender sends, one bit each. */
  activeTargets = 0;
  /** 1 … 8, as the sender says or by what came. */
  spatialCount = 1;
  /** As the sender says; 0 while it has not. */
  announcedSpatialCount = 0;
  /** Highest spatial layer that comes now. */
  topSpatialId = 0;
  /** Highest temporal layer that came. */
  maxTemporalId = 0;
  /** Pixels by spatial layer; 0 while not known. */
  readonly widths = new Uint32Array(MAX_SPATIAL_LAYERS);
  readonly heights = new Uint32Array(MAX_SPATIAL_LAYERS);

  /** Rates by spatial and temporal layer: of packets that only their own spatial layer needs, and of all others. */
  readonly #own: (RateWindow | undefined)[] = Array.from({ length: CELLS });
  readonly #shared: (RateWindow | undefined)[] = Array.from({ length: CELLS });
  #activity: LayerActivity | undefined;
  /** Number of the packet that brought the structure. */
  #structureExtSeq = -1;
  /** What held before it, for packets that come late. */
  #earlierStructure: DependencyStructure | undefined;
  #changed = false;

  /** Counts a packet that the payload stage has described. True where another layer is the highest now. */
  add(packet: IncomingPacket, bytes: number, nowUs: number): boolean {
    const { spatialId, temporalId } = packet;
    const rates = packet.usedAbove ? this.#shared : this.#own;
    const cell = spatialId * MAX_TEMPORAL_LAYERS + temporalId;
    let rate = rates[cell];
    if (rate === undefined) rate = rates[cell] = new RateWindow();
    rate.add(bytes, nowUs);
    if (temporalId > this.maxTemporalId) {
      this.maxTemporalId = temporalId;
      this.#changed = true;
    }
    if (this.spatialCount > 1) this.#noteSpatial(packet, nowUs);
    return this.#takeChanged();
  }

  /** Looks for spatial layers that have stopped. True where another one is the highest now. */
  check(nowUs: number): boolean {
    const activity = this.#activity;
    if (activity === undefined) return false;
    activity.check();
    let top = this.topSpatialId;
    while (top > 0 && activity.isStalled(top, nowUs)) top--;
    this.#setTop(top);
    return this.#takeChanged();
  }

  /** The sender says how many spatial layers there are. */
  announceSpatialCount(count: number): void {
    this.spatialCount = Math.min(Math.max(count, 1), MAX_SPATIAL_LAYERS);
    if (this.spatialCount !== this.announcedSpatialCount) this.#setTop(this.spatialCount - 1);
    this.announcedSpatialCount = this.spatialCount;
  }

  /** A packet of this spatial layer came, which the sender did not announce. */
  discoverSpatialLayer(spatialId: number): void {
    if (spatialId < this.spatialCount) return;
    this.spatialCount = spatialId + 1;
    this.announcedSpatialCount = 0;
  }

  /** What the descriptor of a packet with this number refers to; undefined while that is not known. */
  structureOf(extSeq: number): DependencyStructure | undefined {
    return extSeq < this.#structureExtSeq ? this.#earlierStructure : this.structure;
  }

  /** Takes over what a dependency descriptor says about those that follow; one that is late says nothing new. */
  takeDescriptor(descriptor: DependencyDescriptor, extSeq: number): void {
    if (extSeq < this.#structureExtSeq) return;
    const structure = (this.structure ??= new DependencyStructure());
    if (descriptor.structurePresent) {
      if (structure.templateCount > 0) (this.#earlierStructure ??= new DependencyStructure()).copyFrom(structure);
      this.#structureExtSeq = extSeq;
      structure.copyFrom(descriptor.attachedStructure);
      for (let i = 0; i <= structure.maxSpatialId && structure.hasResolutions; i++) {
        this.widths[i] = structure.widths[i];
        this.heights[i] = structure.heights[i];
      }
    }
    if (descriptor.activeDecodeTargets < 0) return;
    this.activeTargets = descriptor.activeDecodeTargets;
    let top = 0;
    for (let target = 0; target < structure.decodeTargetCount; target++) {
      if (((this.activeTargets >>> target) & 1) !== 0) top = Math.max(top, structure.targetSpatialIds[target]);
    }
    this.announceSpatialCount(top + 1);
  }

  /** What a receiver of the stream up to these layers gets. */
  bitrateBps(spatialId: number, temporalId: number, nowUs: number): number {
    let sum = 0;
    for (let s = 0; s <= spatialId; s++) {
      for (let t = 0; t <= temporalId; t++) {
        const cell = s * MAX_TEMPORAL_LAYERS + t;
        sum += this.#shared[cell]?.bps(nowUs) ?? 0;
        if (s === spatialId) sum += this.#own[cell]?.bps(nowUs) ?? 0;
      }
    }
    return sum;
  }

  /** The stream began anew: its numbers and structure are others. */
  reset(): void {
    this.pictureIds.reset();
    this.structure?.clear();
    this.#earlierStructure?.clear();
    this.#structureExtSeq = -1;
  }

  #noteSpatial(packet: IncomingPacket, nowUs: number): void {
    const { spatialId } = packet;
    const activity = (this.#activity ??= new LayerActivity(MAX_SPATIAL_LAYERS));
    if (packet.frameStart) activity.frame(spatialId, nowUs);
    if (spatialId > this.topSpatialId && spatialId < this.spatialCount) this.#setTop(spatialId);
  }

  #setTop(spatialId: number): void {
    if (spatialId === this.topSpatialId) return;
    this.topSpatialId = spatialId;
    this.#changed = true;
  }

  #takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }
}
