import { ALL_TEMPORAL_LAYERS } from "../temporal-filter.ts";
import type { LayerStep } from "./layer-step.ts";

/** Bitrates are read anew this often at most, however many subscribers ask. */
const REFRESH_US = 100_000;
/** Weight of a new reading: a layer that grows is believed sooner than one that shrinks, since still scenes end. */
const RISE_WEIGHT = 0.5;
const FALL_WEIGHT = 0.1;
/** A layer that costs no more than the one below it is worth nothing as a step of its own … */
const MIN_STEP = 1.02;
/** … and this is what a layer costs that has only just begun. */
const MIN_BITRATE_BPS = 10_000;

/** What is read of a track's layer: bitrate up to and with it. */
export interface LadderLayer {
  readonly spatialId: number;
  readonly temporalId: number;
  readonly bitrateBps: number;
  readonly active: boolean;
  readonly height: number;
}

interface Rung extends LayerStep {
  bitrateBps: number;
  height: number;
  active: boolean;
}

/** The layers of one track that are being sent, lowest first, with bitrates smoothed; shared by all its subscribers. */
export class LayerLadder {
  readonly #read: (nowUs: number) => readonly LadderLayer[];
  readonly #rungs: Rung[] = [];
  readonly #byLimit = new Map<number, LayerStep[]>();
  #readAtUs = Number.NEGATIVE_INFINITY;

  constructor(read: (nowUs: number) => readonly LadderLayer[]) {
    this.#read = read;
  }

  /** Layers started or stopped: bitrates are read again at the next look. */
  invalidate(): void {
    this.#readAtUs = Number.NEGATIVE_INFINITY;
  }

  /** Steps within limits, rising; the lowest that is being sent where all are above. Valid until the next look. */
  steps(maxSpatialId: number, maxTemporalId: number, nowUs: number): readonly LayerStep[] {
    if (nowUs - this.#readAtUs >= REFRESH_US) this.#refresh(nowUs);
    const key = Math.min(maxSpatialId, 15) * 16 + Math.min(maxTemporalId, ALL_TEMPORAL_LAYERS);
    let steps = this.#byLimit.get(key);
    if (steps === undefined) {
      steps = this.#select(maxSpatialId, maxTemporalId);
      this.#byLimit.set(key, steps);
    }
    return steps;
  }

  #topTemporalId(spatialId: number): number {
    let top = 0;
    for (const rung of this.#rungs) {
      if (rung.active && rung.spatialId === spatialId && rung.temporalId > top) top = rung.temporalId;
    }
    return top;
  }

  #refresh(nowUs: number): void {
    this.#readAtUs = nowUs;
    this.#byLimit.clear();
    for (const rung of this.#rungs) rung.active = false;
    for (const layer of this.#read(nowUs)) if (layer.active) this.#take(layer);
    this.#rungs.sort((a, b) => a.spatialId - b.spatialId || a.temporalId - b.temporalId);
  }

  #take({ spatialId, temporalId, bitrateBps, height }: LadderLayer): void {
    const measured = Math.max(bitrateBps, MIN_BITRATE_BPS);
    const known = this.#rungs.find((rung) => rung.spatialId === spatialId && rung.temporalId === temporalId);
    if (known === undefined) {
      this.#rungs.push({ spatialId, temporalId, bitrateBps: measured, height, active: true });
      return;
    }
    const weight = measured > known.bitrateBps ? RISE_WEIGHT : FALL_WEIGHT;
    known.bitrateBps += (measured - known.bitrateBps) * weight;
    known.height = height;
    known.active = true;
  }

  #select(maxSpatialId: number, maxTemporalId: number): LayerStep[] {
    const steps: LayerStep[] = [];
    const lowest = this.#rungs.find(({ active }) => active);
    for (const rung of this.#rungs) {
      if (!rung.active) continue;
      // A larger picture is not worth it at a quarter of the frames.
      if (rung.spatialId !== lowest?.spatialId && rung.temporalId < this.#topTemporalId(rung.spatialId) - 1) continue;
      if (rung.spatialId > maxSpatialId || rung.temporalId > maxTemporalId) continue;
      while (steps.length > 0 && rung.bitrateBps <= steps[steps.length - 1].bitrateBps * MIN_STEP) steps.pop();
      steps.push(rung);
    }
    return steps.length === 0 && lowest !== undefined ? [lowest] : steps;
  }
}
