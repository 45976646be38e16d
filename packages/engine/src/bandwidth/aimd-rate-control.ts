import { LinkCapacityEstimator } from "./link-capacity-estimator.ts";
import { BandwidthUsage } from "./trendline-estimator.ts";

const BACKOFF_FACTOR = 0.85;
/** Where the delay grew, but no queue stands yet. */
const EARLY_BACKOFF_FACTOR = 0.95;
/** An overuse while less than this share of the rate was sent; what it takes off then, where packets wait. */
const LIMITED_RATIO = 0.6;
const LIMITED_BACKOFF = 0.7;
/** Taken off besides, so that very low rates fall too. */
const BACKOFF_EXTRA_BPS = 5_000;
const DEFAULT_RTT_US = 200_000;
const MAX_START_BPS = 30_000_000;

const RateState = { HOLD: 0, INCREASE: 1, DECREASE: 2 } as const;
type RateState = (typeof RateState)[keyof typeof RateState];

/**
 * Raises the rate while the delay is steady (by 8 % a second, near the known capacity by about a packet a response time), and
 * sets it to 0.85 of the throughput on overuse (libwebrtc's AimdRateControl).
 */
export class AimdRateControl {
  rateBps = MAX_START_BPS;
  rttUs = DEFAULT_RTT_US;
  minBps: number;
  /** Whether packets wait noticeably: then more is taken off. */
  queued = false;

  readonly #capacity = new LinkCapacityEstimator();
  #state: RateState = RateState.HOLD;
  #known = false;
  #throughputBps = MAX_START_BPS;
  #changedUs = Number.NEGATIVE_INFINITY;

  constructor(minBps: number) {
    this.minBps = minBps;
  }

  /** Whether `rateBps` was set or measured. */
  get known(): boolean {
    return this.#known;
  }

  start(rateBps: number): void {
    this.rateBps = rateBps;
    this.#throughputBps = rateBps;
    this.#known = true;
  }

  /** A rate known from elsewhere: a probe. */
  set(rateBps: number, nowUs: number): void {
    this.#known = true;
    this.rateBps = Math.max(rateBps, this.minBps);
    this.#changedUs = nowUs;
  }

  /** A probe has filled the path: near this rate, raise with care. */
  onCapacity(capacityBps: number): void {
    this.#capacity.onProbe(capacityBps);
  }

  /** Whether another decrease may follow the last one; -1 for an unknown throughput. */
  mayReduce(throughputBps: number, nowUs: number): boolean {
    const intervalUs = Math.min(200_000, Math.max(10_000, this.rttUs));
    if (nowUs - this.#changedUs >= intervalUs) return true;
    return this.#known && throughputBps >= 0 && throughputBps < 0.5 * this.rateBps;
  }

  /** `throughputBps` is -1 where it is not known. */
  update(usage: BandwidthUsage, throughputBps: number, nowUs: number): void {
    if (throughputBps >= 0) this.#throughputBps = throughputBps;
    if (!this.#known && usage !== BandwidthUsage.OVERUSING) return;
    this.#changeState(usage, nowUs);
    if (this.#state === RateState.INCREASE) this.#increase(nowUs);
    else if (this.#state === RateState.DECREASE) this.#decrease(nowUs);
    this.rateBps = Math.max(this.rateBps, this.minBps);
  }

  #changeState(usage: BandwidthUsage, nowUs: number): void {
    if (usage === BandwidthUsage.OVERUSING) {
      this.#state = RateState.DECREASE;
    } else if (usage === BandwidthUsage.UNDERUSING) {
      this.#state = RateState.HOLD;
    } else if (this.#state === RateState.HOLD) {
      this.#changedUs = nowUs;
      this.#state = RateState.INCREASE;
    }
  }

  #increase(nowUs: number): void {
    if (this.#throughputBps > this.#capacity.upperBps) this.#capacity.reset();
    // Not far above what really arrives; a little further at low rates, where frames are uneven.
    const limitBps = 1.5 * this.#throughputBps + 10_000;
    if (this.rateBps < limitBps) {
      const seconds = Math.min(1, Math.max(0, (nowUs - this.#changedUs) / 1_000_000));
      const stepBps = this.#capacity.known
        ? this.#nearMaxBpsPerSecond() * seconds
        : Math.max(this.rateBps * (1.08 ** seconds - 1), 1_000);
      this.rateBps = Math.min(this.rateBps + stepBps, limitBps);
    }
    this.#changedUs = nowUs;
  }

  #decrease(nowUs: number): void {
    const throughputBps = this.#throughputBps;
    const factor = this.queued ? BACKOFF_FACTOR : EARLY_BACKOFF_FACTOR;
    let decreasedBps = throughputBps * factor;
    if (decreasedBps > BACKOFF_EXTRA_BPS) decreasedBps -= BACKOFF_EXTRA_BPS;
    if (throughputBps < LIMITED_RATIO * this.rateBps) {
      // Little was sent: what arrived says little of the path, and a delay that came once is soon over.
      decreasedBps = Math.max(decreasedBps, (this.queued ? LIMITED_BACKOFF : BACKOFF_FACTOR) * this.rateBps);
    }
    if (decreasedBps > this.rateBps && this.#capacity.known) decreasedBps = factor * this.#capacity.estimateBps;
    if (decreasedBps < this.rateBps) this.rateBps = decreasedBps;
    if (throughputBps < this.#capacity.lowerBps) this.#capacity.reset();
    this.#capacity.onOveruse(throughputBps);
    this.#known = true;
    // Waits until the queue is gone.
    this.#state = RateState.HOLD;
    this.#changedUs = nowUs;
  }

  /** One average packet, of a 30 Hz video at this rate, each response time; the detector takes about 100 ms. */
  #nearMaxBpsPerSecond(): number {
    const frameBytes = this.rateBps / 8 / 30;
    const packetBytes = frameBytes / Math.ceil(frameBytes / 1_200);
    const responseSeconds = (2 * (this.rttUs + 100_000)) / 1_000_000;
    return Math.max(4_000, (packetBytes * 8) / responseSeconds);
  }
}
