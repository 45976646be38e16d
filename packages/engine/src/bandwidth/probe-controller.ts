import type { ProbePlan } from "./probe-plan.ts";

/** What keeps the estimate where it is. */
export const LimitCause = {
  DELAY: 0,
  /** The delay grows or shrinks: a queue is there. */
  DELAY_INCREASED: 1,
  RTT_BACKOFF: 2,
  LOSS_DECREASING: 3,
  LOSS_INCREASING: 4,
} as const;
export type LimitCause = (typeof LimitCause)[keyof typeof LimitCause];

const FIRST_SCALE = 3;
const SECOND_SCALE = 6;
const FURTHER_SCALE = 2;
const FURTHER_THRESHOLD = 0.7;
const ALR_SCALE = 2;
const LOSS_LIMITED_SCALE = 1.5;
const MAX_WAIT_US = 1_000_000;
const PERIOD_US = 5_000_000;
const STARVED_PERIOD_US = 2_000_000;
const LEAST_BPS = 300_000;
const DROP_THRESHOLD = 0.66;
const DROP_TIMEOUT_US = 5_000_000;
const DROP_FRACTION = 0.85;
const DROP_PROBE_GAP_US = 5_000_000;
const ALR_ENDED_US = 3_000_000;
const UNCERTAINTY = 0.05;
const PROBE_US = 15_000;
/** Delays that lie further apart than this are jitter, not bursts of ours; a probe is lengthened up to the second. */
const JITTER_US = 30_000;
const MAX_PROBE_US = 100_000;
const PROBE_PACKETS = 5;
const EXPIRY_US = 1_000_000;
const MAX_PENDING = 4;
/** Ids come round: they travel in 15 bits with each packet. */
const MAX_CLUSTER_ID = 0x7fff;

const ProbeState = { INIT: 0, WAITING: 1, COMPLETE: 2 } as const;
type ProbeState = (typeof ProbeState)[keyof typeof ProbeState];

/**
 * Decides when to probe and how high (libwebrtc's ProbeController): at the start with 3 and 6 times the start rate and on while
 * that succeeds; every 5 s in an application-limited region; after a large drop that is over. And every 5 s also while more is
 * wanted than the estimate allows, so that capacity which has come back is found in seconds.
 */
export class ProbeController {
  /** How far delays lie apart: a probe shorter than that would measure jitter. */
  spreadUs = 0;
  /** Clusters decided so far. */
  clusters = 0;

  readonly #pending: ProbePlan[] = [];
  #state: ProbeState = ProbeState.INIT;
  #cause: LimitCause = LimitCause.DELAY;
  #maxBps: number;
  #wantedBps = 0;
  #estimateBps: number;
  #furtherBps = Number.POSITIVE_INFINITY;
  #probedUs = Number.NEGATIVE_INFINITY;
  #alrSinceUs = -1;
  #alrEndedUs = Number.NEGATIVE_INFINITY;
  #droppedUs = Number.NEGATIVE_INFINITY;
  #beforeDropBps = 0;
  #dropProbedUs = Number.NEGATIVE_INFINITY;

  constructor(startBps: number, maxBps: number) {
    this.#estimateBps = startBps;
    this.#maxBps = maxBps;
  }

  /** The next burst to send; undefined where none waits. */
  take(nowUs: number): ProbePlan | undefined {
    for (let plan = this.#pending.shift(); plan !== undefined; plan = this.#pending.shift()) {
      if (plan.expiresUs > nowUs) return plan;
    }
    return undefined;
  }

  get pending(): ProbePlan | undefined {
    return this.#pending[0];
  }

  /** Transport is ready to send. Begins the first probes. */
  start(nowUs: number): void {
    if (this.#state !== ProbeState.INIT) return;
    const startBps = this.#estimateBps;
    this.#initiate(nowUs, FIRST_SCALE * startBps, SECOND_SCALE * startBps, true);
  }

  /** What all that is subscribed to would take; 0 where that is not known. Nothing above twice that is probed. */
  setWanted(wantedBps: number, nowUs: number): void {
    const raised = wantedBps > this.#wantedBps;
    this.#wantedBps = wantedBps;
    const short = this.#estimateBps < Math.min(wantedBps, this.#maxBps);
    if (!raised || !short || this.#alrSinceUs < 0 || this.#state !== ProbeState.COMPLETE) return;
    const limitBps = this.#estimateBps * 2;
    const first = Math.min(wantedBps, limitBps);
    const second = Math.min(wantedBps * 2, limitBps);
    this.#initiate(nowUs, first, second > first ? second : 0, limitBps < wantedBps * 2);
  }

  setMax(maxBps: number): void {
    this.#maxBps = maxBps;
  }

  /** -1 outside of an application-limited region. */
  setAlr(sinceUs: number, nowUs: number): void {
    if (this.#alrSinceUs >= 0 && sinceUs < 0) this.#alrEndedUs = nowUs;
    this.#alrSinceUs = sinceUs;
  }

  setEstimate(estimateBps: number, cause: LimitCause, nowUs: number): void {
    this.#cause = cause;
    if (estimateBps < DROP_THRESHOLD * this.#estimateBps) {
      this.#droppedUs = nowUs;
      this.#beforeDropBps = this.#estimateBps;
    }
    this.#estimateBps = estimateBps;
    if (this.#state === ProbeState.WAITING && estimateBps > this.#furtherBps) {
      this.#initiate(nowUs, FURTHER_SCALE * estimateBps, 0, true);
    }
  }

  /** A large drop is over: one probe toward the rate before it, where the application did not test that itself. */
  onRecovered(nowUs: number): void {
    const limited = this.#alrSinceUs >= 0 || nowUs - this.#alrEndedUs < ALR_ENDED_US;
    if (!limited || this.#state !== ProbeState.COMPLETE) return;
    const probeBps = DROP_FRACTION * this.#beforeDropBps;
    const worthwhile = (1 - UNCERTAINTY) * probeBps > this.#estimateBps;
    if (!worthwhile || nowUs - this.#droppedUs >= DROP_TIMEOUT_US) return;
    if (nowUs - this.#dropProbedUs <= DROP_PROBE_GAP_US) return;
    this.#dropProbedUs = nowUs;
    this.#initiate(nowUs, probeBps, 0, false);
  }

  poll(nowUs: number): void {
    if (this.#state === ProbeState.WAITING && nowUs - this.#probedUs > MAX_WAIT_US) this.#complete();
    if (this.#state !== ProbeState.COMPLETE) return;
    const alr = this.#alrSinceUs >= 0;
    if (!alr && this.#estimateBps >= this.#wantedBps) return;
    const sinceUs = alr ? Math.max(this.#alrSinceUs, this.#probedUs) : this.#probedUs;
    // So little that pictures are paused: looked at more often, and at once for the smallest of them.
    const leastBps = Math.min(this.#wantedBps, LEAST_BPS);
    const starved = this.#estimateBps < leastBps;
    const periodUs = starved ? STARVED_PERIOD_US : PERIOD_US;
    if (nowUs >= sinceUs + periodUs) this.#initiate(nowUs, Math.max(ALR_SCALE * this.#estimateBps, leastBps), 0, true);
  }

  /** `secondBps` 0 for one burst only. */
  #initiate(nowUs: number, firstBps: number, secondBps: number, further: boolean): void {
    const cause = this.#cause;
    if (
      cause === LimitCause.DELAY_INCREASED ||
      cause === LimitCause.RTT_BACKOFF ||
      cause === LimitCause.LOSS_DECREASING
    )
      return;
    let maxBps = this.#maxBps;
    if (this.#wantedBps > 0) maxBps = Math.min(maxBps, 2 * this.#wantedBps);
    if (cause === LimitCause.LOSS_INCREASING) maxBps = Math.min(maxBps, LOSS_LIMITED_SCALE * this.#estimateBps);
    if (maxBps <= this.#estimateBps) {
      this.#complete();
      return;
    }
    this.#plan(nowUs, Math.min(firstBps, maxBps));
    let lastBps = firstBps;
    if (secondBps > 0 && firstBps < maxBps) {
      this.#plan(nowUs, Math.min(secondBps, maxBps));
      lastBps = secondBps;
    }
    this.#probedUs = nowUs;
    if (further && lastBps < maxBps) {
      this.#state = ProbeState.WAITING;
      this.#furtherBps = lastBps * FURTHER_THRESHOLD;
    } else {
      this.#complete();
    }
  }

  #plan(nowUs: number, rateBps: number): void {
    if (this.#pending.length === MAX_PENDING) this.#pending.shift();
    this.clusters++;
    const durationUs = this.spreadUs < JITTER_US ? PROBE_US : Math.min(MAX_PROBE_US, this.spreadUs);
    this.#pending.push({
      clusterId: 1 + (this.clusters % MAX_CLUSTER_ID),
      rateBps,
      durationUs,
      minPackets: PROBE_PACKETS,
      minBytes: Math.ceil((rateBps * durationUs) / 8_000_000),
      expiresUs: nowUs + EXPIRY_US,
    });
  }

  #complete(): void {
    this.#state = ProbeState.COMPLETE;
    this.#furtherBps = Number.POSITIVE_INFINITY;
  }
}
