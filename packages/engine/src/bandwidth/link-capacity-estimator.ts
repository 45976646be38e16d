const OVERUSE_WEIGHT = 0.05;
const PROBE_WEIGHT = 0.5;
const MIN_DEVIATION_KBPS = 0.4;
const MAX_DEVIATION_KBPS = 2.5;

/** Mean and deviation of the throughput at which the path was overused (libwebrtc's LinkCapacityEstimator). */
export class LinkCapacityEstimator {
  #estimateKbps = Number.NaN;
  #deviationKbps = MIN_DEVIATION_KBPS;

  get known(): boolean {
    return !Number.isNaN(this.#estimateKbps);
  }

  /** Only where it is `known`. */
  get estimateBps(): number {
    return this.#estimateKbps * 1_000;
  }

  /** Three deviations above; infinite where nothing is known. */
  get upperBps(): number {
    return this.known ? (this.#estimateKbps + 3 * this.#spreadKbps()) * 1_000 : Number.POSITIVE_INFINITY;
  }

  /** Three deviations below; 0 where nothing is known. */
  get lowerBps(): number {
    return this.known ? Math.max(0, this.#estimateKbps - 3 * this.#spreadKbps()) * 1_000 : 0;
  }

  reset(): void {
    this.#estimateKbps = Number.NaN;
  }

  onOveruse(throughputBps: number): void {
    this.#update(throughputBps, OVERUSE_WEIGHT);
  }

  /** A probe that filled the path has measured it. */
  onProbe(capacityBps: number): void {
    this.#update(capacityBps, PROBE_WEIGHT);
  }

  #update(capacityBps: number, weight: number): void {
    const sampleKbps = capacityBps / 1_000;
    this.#estimateKbps = this.known ? (1 - weight) * this.#estimateKbps + weight * sampleKbps : sampleKbps;
    const errorKbps = this.#estimateKbps - sampleKbps;
    const norm = Math.max(this.#estimateKbps, 1);
    const deviationKbps = (1 - weight) * this.#deviationKbps + (weight * errorKbps * errorKbps) / norm;
    this.#deviationKbps = Math.min(MAX_DEVIATION_KBPS, Math.max(MIN_DEVIATION_KBPS, deviationKbps));
  }

  #spreadKbps(): number {
    return Math.sqrt(this.#deviationKbps * this.#estimateKbps);
  }
}
