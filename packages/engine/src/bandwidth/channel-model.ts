import type { LossObservations } from "./loss-observations.ts";

const INHERENT_LOSS_MIN = 0.001;
const INHERENT_LOSS_OFFSET = 0.05;
const INHERENT_LOSS_BALANCE_BPS = 100_000;
const PREFERENCE_LOSS = 0.2;
const PREFERENCE_SMOOTHING = 0.002;
const BIAS = 0.0002;
const LOG_BIAS = 0.02;
const NEWTON_STEP = 0.75;
const MIN_PROBABILITY = 1e-6;

/**
 * A path that loses some packets whatever is sent (the inherent loss) and all above a bandwidth: how likely it is, given what
 * was observed (libwebrtc's LossBasedBweV2).
 */
export class ChannelModel {
  readonly #observations: LossObservations;

  constructor(observations: LossObservations) {
    this.#observations = observations;
  }

  /** The inherent loss that is possible at this bandwidth, nearest to the given one. */
  feasibleLoss(inherentLoss: number, bandwidthBps: number): number {
    const upper = bandwidthBps === 0 ? 1 : Math.min(1, INHERENT_LOSS_OFFSET + INHERENT_LOSS_BALANCE_BPS / bandwidthBps);
    return Math.min(Math.max(inherentLoss, INHERENT_LOSS_MIN), upper);
  }

  /** One step of Newton's method toward the most likely inherent loss at this bandwidth. */
  refineLoss(inherentLoss: number, bandwidthBps: number): number {
    const observations = this.#observations;
    let first = 0;
    let second = 0;
    for (let slot = 0; slot < observations.size; slot++) {
      const probability = lossProbability(inherentLoss, bandwidthBps, observations.sendingBps[slot]);
      const kept = 1 - probability;
      const weight = observations.weight(slot);
      const lost = observations.lostKilobytes[slot];
      const received = observations.receivedKilobytes[slot];
      first += weight * (lost / probability - received / kept);
      second -= weight * (lost / (probability * probability) + received / (kept * kept));
    }
    if (second >= 0) second = -MIN_PROBABILITY;
    return this.feasibleLoss(inherentLoss - (NEWTON_STEP * first) / second, bandwidthBps);
  }

  /** Log-likelihood, with a bias to higher bandwidths that turns round where a fifth is lost. */
  objective(inherentLoss: number, bandwidthBps: number): number {
    const observations = this.#observations;
    const bias = this.#highBandwidthBias(bandwidthBps);
    let objective = 0;
    for (let slot = 0; slot < observations.size; slot++) {
      const probability = lossProbability(inherentLoss, bandwidthBps, observations.sendingBps[slot]);
      const lost = observations.lostKilobytes[slot];
      const received = observations.receivedKilobytes[slot];
      const likelihood = lost * Math.log(probability) + received * Math.log(1 - probability);
      objective += observations.weight(slot) * (likelihood + bias * (lost + received));
    }
    return objective;
  }

  #highBandwidthBias(bandwidthBps: number): number {
    const distance = PREFERENCE_LOSS - this.#observations.averageLoss;
    const adjust = distance / (PREFERENCE_SMOOTHING + Math.abs(distance));
    const kbps = bandwidthBps / 1_000;
    return adjust * (BIAS * kbps + LOG_BIAS * Math.log(1 + kbps));
  }
}

function lossProbability(inherentLoss: number, bandwidthBps: number, sendingBps: number): number {
  let probability = inherentLoss;
  if (sendingBps > bandwidthBps) probability += ((1 - inherentLoss) * (sendingBps - bandwidthBps)) / sendingBps;
  return Math.min(Math.max(probability, MIN_PROBABILITY), 1 - MIN_PROBABILITY);
}
