import { ChannelModel } from "./channel-model.ts";
import type { FeedbackBatch } from "./feedback-batch.ts";
import { LossObservations } from "./loss-observations.ts";

/** Which estimator limits, as the loss sees it. */
export const LossState = { DELAY_BASED: 0, DECREASING: 1, INCREASING: 2 } as const;
export type LossState = (typeof LossState)[keyof typeof LossState];

const MIN_BPS = 5_000;
const MIN_OBSERVATIONS = 3;
const INITIAL_LOSS = 0.01;
const CANDIDATE_FACTORS = [1.02, 1, 0.95];
const MAX_CANDIDATES = CANDIDATE_FACTORS.length + 2;
const UPPER_BOUND_OFFSET = 0.05;
const UPPER_BOUND_BALANCE_BPS = 100_000;
const RAMPUP_FACTOR = 1.5;
const RAMPUP_FACTOR_IN_HOLD = 1.2;
const RAMPUP_HOLD_THRESHOLD = 1.3;
const MAX_INCREASE_FACTOR = 1.3;
const INCREASE_WINDOW_US = 300_000;
const INITIAL_HOLD_US = 300_000;
const MAX_HOLD_US = 60_000_000;
const HOLD_FACTOR = 2;
const PADDING_US = 2_000_000;
/**
 * Loss alone does not lower the rate below what a voice and the smallest picture take: without a picture there is nothing to test the
 * path with, and the rate would go on falling. Unless most is lost.
 */
const FLOOR_BPS = 150_000;
const FLOOR_MAX_LOSS = 0.4;

/**
 * The rate that the loss allows (libwebrtc's LossBasedBweV2): of a few candidates, the channel that explains the observed losses
 * best. The acknowledged rate is its lower bound, so that loss which has nothing to do with our rate does not choke it.
 */
export class LossBasedEstimator {
  estimateBps = Number.POSITIVE_INFINITY;
  state: LossState = LossState.DELAY_BASED;

  readonly #observations = new LossObservations();
  readonly #model = new ChannelModel(this.#observations);
  readonly #candidatesBps = new Float64Array(MAX_CANDIDATES);
  #minBps: number;
  #maxBps: number;
  /** The best channel so far; NaN before the first estimate. */
  #bandwidthBps = Number.NaN;
  #inherentLoss = INITIAL_LOSS;
  #acknowledgedBps = -1;
  #delayBasedBps = Number.POSITIVE_INFINITY;
  #windowLimitBps = Number.POSITIVE_INFINITY;
  #recoveringUs = Number.NEGATIVE_INFINITY;
  #holdUntilUs = Number.NEGATIVE_INFINITY;
  #holdUs = INITIAL_HOLD_US;
  #holdBps = Number.POSITIVE_INFINITY;
  #paddingBps = 0;
  #paddingUs = Number.NEGATIVE_INFINITY;

  constructor(minBps: number, maxBps: number) {
    this.#minBps = minBps;
    this.#maxBps = maxBps;
  }

  /** Whether enough was observed for `estimateBps` to be used. */
  get ready(): boolean {
    return !Number.isNaN(this.#bandwidthBps) && this.#observations.total >= MIN_OBSERVATIONS;
  }

  /** Smoothed share of bytes lost, 0 … 1. */
  get averageLoss(): number {
    return this.#observations.averageLoss;
  }

  setMax(maxBps: number): void {
    this.#maxBps = maxBps;
  }

  setAcknowledged(rateBps: number): void {
    if (rateBps >= 0) this.#acknowledgedBps = rateBps;
  }

  /** Takes a feedback message and the rate that the delay allows. */
  update(batch: FeedbackBatch, delayBasedBps: number, inAlr: boolean): void {
    this.#delayBasedBps = delayBasedBps;
    if (!this.#observations.add(batch)) return;
    if (Number.isNaN(this.#bandwidthBps)) {
      if (!Number.isFinite(delayBasedBps)) return;
      this.#bandwidthBps = delayBasedBps;
      this.estimateBps = delayBasedBps;
    }
    const count = this.#collectCandidates(inAlr);
    let bestBps = this.#bandwidthBps;
    let bestLoss = this.#inherentLoss;
    let bestObjective = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      const candidateBps = this.#candidatesBps[i];
      const feasible = this.#model.feasibleLoss(this.#inherentLoss, candidateBps);
      const loss = this.#model.refineLoss(feasible, candidateBps);
      const objective = this.#model.objective(loss, candidateBps);
      if (objective <= bestObjective) continue;
      bestObjective = objective;
      bestBps = candidateBps;
      bestLoss = loss;
    }
    bestBps = this.#boundIncrease(bestBps, bestLoss);
    const boundedBps = this.#applyBounds(bestBps, bestLoss);
    if (this.#holds(boundedBps)) return;
    this.#changeState(boundedBps);
    this.estimateBps = boundedBps;
    this.#openIncreaseWindow();
  }

  get #nowUs(): number {
    return this.#observations.lastSentUs;
  }

  get #limited(): boolean {
    return this.state !== LossState.DELAY_BASED;
  }

  get #lowerBoundBps(): number {
    const floorBps = this.averageLoss < FLOOR_MAX_LOSS ? Math.min(FLOOR_BPS, this.#delayBasedBps) : 0;
    return Math.max(this.#minBps, this.#acknowledgedBps, floorBps);
  }

  get #upperBoundBps(): number {
    const excess = this.averageLoss - UPPER_BOUND_OFFSET;
    return excess > 0 ? UPPER_BOUND_BALANCE_BPS / excess : this.#maxBps;
  }

  #collectCandidates(inAlr: boolean): number {
    const upperBps = this.#limited && Number.isFinite(this.#windowLimitBps) ? this.#windowLimitBps : this.#maxBps;
    const limitBps = Math.max(this.#bandwidthBps, upperBps);
    let count = 0;
    for (const factor of CANDIDATE_FACTORS) this.#candidatesBps[count++] = factor * this.#bandwidthBps;
    const padding = this.#paddingUs + PADDING_US >= this.#nowUs;
    if (this.#acknowledgedBps >= 0 && (!inAlr || padding)) this.#candidatesBps[count++] = this.#acknowledgedBps;
    if (Number.isFinite(this.#delayBasedBps) && this.#delayBasedBps > this.#bandwidthBps) {
      this.#candidatesBps[count++] = this.#delayBasedBps;
    }
    for (let i = 0; i < count; i++) this.#candidatesBps[i] = Math.min(this.#candidatesBps[i], limitBps);
    return count;
  }

  /** Raises carefully where loss limits: not while more is lost than the channel explains, and no faster than packets arrive. */
  #boundIncrease(candidateBps: number, candidateLoss: number): number {
    const currentBps = this.#bandwidthBps;
    let bestBps = candidateBps;
    if (this.averageLoss > candidateLoss && bestBps > currentBps) bestBps = currentBps;
    if (!this.#limited) return bestBps;
    const inWindow = this.#recoveringUs + INCREASE_WINDOW_US > this.#nowUs;
    if (inWindow && bestBps > this.#windowLimitBps) bestBps = this.#windowLimitBps;
    if (!this.#increases(currentBps, bestBps) || this.#acknowledgedBps < 0) return bestBps;
    const inHold = this.#acknowledgedBps < RAMPUP_HOLD_THRESHOLD * this.#holdBps && Number.isFinite(this.#holdBps);
    const factor = inHold ? RAMPUP_FACTOR_IN_HOLD : RAMPUP_FACTOR;
    bestBps = Math.max(currentBps, Math.min(bestBps, factor * this.#acknowledgedBps));
    // A bit more, so that the state becomes "increasing" and padding begins.
    return this.state === LossState.DECREASING && bestBps === currentBps ? currentBps + 1 : bestBps;
  }

  /** Applies the bounds of the moment and remembers the channel. */
  #applyBounds(bestBps: number, bestLoss: number): number {
    const upperBps = Math.min(bestBps, this.#upperBoundBps, this.#delayBasedBps);
    const boundedBps = Math.max(this.#lowerBoundBps, upperBps);
    if (boundedBps < bestBps) {
      this.#bandwidthBps = boundedBps;
      // What the path loses anyway is forgotten only where loss was the bound; the delay says nothing about it.
      this.#inherentLoss = boundedBps < this.#delayBasedBps ? 0 : bestLoss;
    } else {
      this.#bandwidthBps = Math.max(bestBps, this.#lowerBoundBps);
      this.#inherentLoss = bestLoss;
    }
    return boundedBps;
  }

  /** After a decrease the rate stays for a while, twice as long each time, so that it does not run into the loss again at once. */
  #holds(boundedBps: number): boolean {
    const holding = this.state === LossState.DECREASING && this.#holdUntilUs > this.#nowUs;
    if (!holding || boundedBps >= this.#delayBasedBps) return false;
    this.#holdBps = Math.max(this.#lowerBoundBps, this.#holdBps);
    this.estimateBps = Math.min(this.#holdBps, boundedBps);
    return true;
  }

  #changeState(boundedBps: number): void {
    const limited = boundedBps < this.#delayBasedBps && boundedBps < this.#maxBps;
    if (limited && this.#increases(this.estimateBps, boundedBps) && this.#mayKeepIncreasing(boundedBps)) {
      if (boundedBps > this.#paddingBps) {
        this.#paddingBps = boundedBps;
        this.#paddingUs = this.#nowUs;
      }
      this.state = LossState.INCREASING;
      return;
    }
    this.#paddingBps = 0;
    this.#paddingUs = Number.NEGATIVE_INFINITY;
    if (!limited) {
      this.#holdUntilUs = Number.NEGATIVE_INFINITY;
      this.#holdUs = INITIAL_HOLD_US;
      this.#holdBps = Number.POSITIVE_INFINITY;
      this.state = LossState.DELAY_BASED;
      return;
    }
    if (this.state !== LossState.DECREASING) {
      this.#holdUntilUs = this.#nowUs + this.#holdUs;
      this.#holdUs = Math.min(MAX_HOLD_US, this.#holdUs * HOLD_FACTOR);
      this.#holdBps = boundedBps;
    }
    this.state = LossState.DECREASING;
  }

  #openIncreaseWindow(): void {
    if (!this.#limited || this.#recoveringUs + INCREASE_WINDOW_US >= this.#nowUs) return;
    this.#windowLimitBps = Math.max(MIN_BPS, this.#bandwidthBps * MAX_INCREASE_FACTOR);
    this.#recoveringUs = this.#nowUs;
  }

  #increases(oldBps: number, newBps: number): boolean {
    if (!this.#limited) return false;
    return oldBps < newBps || (oldBps === newBps && this.state === LossState.INCREASING);
  }

  #mayKeepIncreasing(boundedBps: number): boolean {
    if (this.state !== LossState.INCREASING) return true;
    return this.#paddingUs + PADDING_US >= this.#nowUs || this.#paddingBps < boundedBps;
  }
}
