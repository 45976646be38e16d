import { LinkModel, PERFECT_LINK } from "../link-model.ts";
import type { LinkConfig } from "../link-model.ts";
import { SeededRandom } from "../seeded-random.ts";
import { SimLink } from "../sim-link.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { EstimatorFlow } from "./estimator-flow.ts";
import type { FlowPacket } from "./estimator-flow.ts";

const SAMPLE_US = 10_000;
/** Time after a change of the path or of the demand which counts as getting used to it. */
const SETTLE_US = 5_000_000;
/** Time after a change before the estimate is called steady. */
const STEADY_US = 10_000_000;
const REACHED = 0.85;

/** What changes at a time of a run. */
export interface BandwidthStep {
  readonly atMs: number;
  readonly link?: Partial<LinkConfig>;
  readonly demandBps?: number;
}

/** A path, what happens to it, and how well we must do. */
export interface BandwidthScenario {
  readonly name: string;
  readonly durationMs: number;
  readonly link: Partial<LinkConfig>;
  /** The path of the feedback; by default as long as the other one. */
  readonly back?: Partial<LinkConfig>;
  readonly demandBps: number;
  readonly flows?: number;
  readonly steps: readonly BandwidthStep[];
  readonly bounds: BandwidthBounds;
}

/** Lowest and highest allowed; what is left out is printed, not bounded. */
export interface BandwidthBounds {
  readonly minEstimateRatio?: number;
  readonly maxEstimateRatio?: number;
  readonly minUtilisation?: number;
  readonly maxQueueP95Ms?: number;
  readonly maxDownMs?: number;
  readonly maxUpMs?: number;
  /** Largest share of a flow over the smallest. */
  readonly maxUnfairness?: number;
}

/** Times in ms are -1 where the scenario has no such change; as long as there was time where it was never reached. */
export interface BandwidthResult {
  readonly scenario: string;
  readonly seed: number;
  readonly estimateRatio: number;
  /** Bytes delivered in steady state over what the capacity would carry. */
  readonly utilisation: number;
  readonly queueP95Ms: number;
  readonly downMs: number;
  readonly upMs: number;
  readonly unfairness: number;
  readonly bounds: BandwidthBounds;
  readonly ok: boolean;
}

/** One look at a run. */
export interface BandwidthSample {
  readonly timeMs: number;
  readonly capacityBps: number;
  readonly estimateBps: number;
  readonly targetBps: number;
  readonly queueMs: number;
}

class Measures {
  readonly queueMs: number[] = [];
  ratioSum = 0;
  ratios = 0;
  /** Bits that the link could carry in steady state, and that arrived by flow. */
  capacityBits = 0;
  readonly deliveredBytes: number[];
  downMs = -1;
  upMs = -1;

  constructor(flows: number) {
    this.deliveredBytes = Array.from({ length: flows }, () => 0);
  }
}

/** Runs a scenario on the virtual clock. */
export class BandwidthRun {
  readonly flows: EstimatorFlow[];

  readonly #scenario: BandwidthScenario;
  readonly #seed: number;
  readonly #clock = new VirtualClock(1_000_000);
  readonly #link: SimLink<FlowPacket>;
  readonly #measures: Measures;
  readonly #onSample: (sample: BandwidthSample) => void;
  #changedUs: number;
  #changedFromBps = 0;
  #demandBps: number;
  /** Whether the estimate has reached the capacity since the last change. */
  #reached = false;

  constructor(scenario: BandwidthScenario, seed: number, onSample: (sample: BandwidthSample) => void = () => {}) {
    const random = new SeededRandom(seed);
    this.#scenario = scenario;
    this.#seed = seed;
    this.#onSample = onSample;
    this.#changedUs = this.#clock.nowUs;
    this.#demandBps = scenario.demandBps;
    const config = { ...PERFECT_LINK, queueBytes: 150_000, ...scenario.link };
    this.#link = new SimLink(this.#clock, new LinkModel<FlowPacket>(config, random.fork()), (packet) => {
      packet.flow.receiver.receive(packet.sequenceNumber, packet.bytes.length, this.#clock.nowUs);
    });
    const back = { delayUs: config.delayUs, ...scenario.back };
    this.flows = Array.from(
      { length: scenario.flows ?? 1 },
      () => new EstimatorFlow(this.#clock, random.fork(), this.#link, back, scenario.demandBps),
    );
    this.#measures = new Measures(this.flows.length);
  }

  run(): BandwidthResult {
    const startUs = this.#clock.nowUs;
    for (const flow of this.flows) flow.start();
    for (const step of this.#scenario.steps) this.#clock.at(startUs + step.atMs * 1_000, () => this.#apply(step));
    const delivered = this.flows.map(() => 0);
    const endUs = startUs + this.#scenario.durationMs * 1_000;
    for (let atUs = startUs + SAMPLE_US; atUs <= endUs; atUs += SAMPLE_US) {
      this.#clock.runUntil(atUs);
      this.#sample(atUs, startUs, delivered);
    }
    return this.#result();
  }

  #apply(step: BandwidthStep): void {
    this.#changedFromBps = this.#link.model.config.rateBps;
    this.#changedUs = this.#clock.nowUs;
    if (step.link !== undefined) this.#link.configure(step.link);
    if (step.demandBps === undefined) return;
    this.#demandBps = step.demandBps;
    for (const flow of this.flows) flow.setDemand(step.demandBps);
  }

  #sample(atUs: number, startUs: number, delivered: number[]): void {
    const measures = this.#measures;
    const capacityBps = this.#link.model.config.rateBps;
    const estimateBps = this.flows.reduce((sum, flow) => sum + flow.estimator.estimateBps, 0);
    const targetBps = this.flows.reduce((sum, flow) => sum + flow.estimator.targetBps, 0);
    const queueMs = (this.#link.model.queuedBytes * 8_000) / capacityBps;
    const sinceUs = atUs - this.#changedUs;
    this.#onSample({ timeMs: (atUs - startUs) / 1_000, capacityBps, estimateBps, targetBps, queueMs });
    if (sinceUs > SETTLE_US) measures.queueMs.push(queueMs);
    const demanded = this.#demandBps * this.flows.length >= capacityBps;
    if (demanded) this.#reach(capacityBps, estimateBps, sinceUs / 1_000);
    const steady = demanded && sinceUs > STEADY_US;
    if (steady) {
      measures.ratioSum += estimateBps / capacityBps;
      measures.ratios++;
      measures.capacityBits += (capacityBps * SAMPLE_US) / 1_000_000;
    }
    for (const [i, flow] of this.flows.entries()) {
      const bytes = flow.receiver.receivedBytes;
      if (steady) measures.deliveredBytes[i] += bytes - delivered[i];
      delivered[i] = bytes;
    }
  }

  /** Notes how long the estimate takes to reach the capacity after a change; the longest of each direction counts. */
  #reach(capacityBps: number, estimateBps: number, sinceMs: number): void {
    const measures = this.#measures;
    if (sinceMs <= SAMPLE_US / 1_000) this.#reached = false;
    if (this.#reached) return;
    const down = capacityBps < this.#changedFromBps;
    this.#reached = down ? estimateBps <= capacityBps : estimateBps >= REACHED * capacityBps;
    if (down) measures.downMs = Math.max(measures.downMs, sinceMs);
    else measures.upMs = Math.max(measures.upMs, sinceMs);
  }

  #result(): BandwidthResult {
    const measures = this.#measures;
    const deliveredBytes = measures.deliveredBytes.reduce((sum, bytes) => sum + bytes, 0);
    const result = {
      scenario: this.#scenario.name,
      seed: this.#seed,
      estimateRatio: round(measures.ratioSum / Math.max(1, measures.ratios)),
      utilisation: round((deliveredBytes * 8) / Math.max(1, measures.capacityBits)),
      queueP95Ms: round(percentile(measures.queueMs, 0.95)),
      downMs: measures.downMs,
      upMs: measures.upMs,
      unfairness: round(Math.max(...measures.deliveredBytes) / Math.max(1, Math.min(...measures.deliveredBytes))),
      bounds: this.#scenario.bounds,
    };
    return { ...result, ok: brokenBounds(result).length === 0 };
  }
}

/** Each measure's median over runs of one scenario: what it does usually, whatever the seed. */
export function medianResult(results: readonly BandwidthResult[]): BandwidthResult {
  const median = (measure: (result: BandwidthResult) => number) => percentile(results.map(measure), 0.5);
  const result = {
    ...results[0],
    estimateRatio: median((one) => one.estimateRatio),
    utilisation: median((one) => one.utilisation),
    queueP95Ms: median((one) => one.queueP95Ms),
    downMs: median((one) => one.downMs),
    upMs: median((one) => one.upMs),
    unfairness: median((one) => one.unfairness),
  };
  return { ...result, ok: brokenBounds(result).length === 0 };
}

/** Names of the bounds that a result breaks. */
export function brokenBounds(result: Omit<BandwidthResult, "ok">): string[] {
  const { bounds } = result;
  const broken: string[] = [];
  const atLeast = (name: string, value: number, bound = Number.NEGATIVE_INFINITY) => {
    if (value < bound) broken.push(`${name} ${value} < ${bound}`);
  };
  const atMost = (name: string, value: number, bound = Number.POSITIVE_INFINITY) => {
    if (value > bound) broken.push(`${name} ${value} > ${bound}`);
  };
  atLeast("estimateRatio", result.estimateRatio, bounds.minEstimateRatio);
  atMost("estimateRatio", result.estimateRatio, bounds.maxEstimateRatio);
  atLeast("utilisation", result.utilisation, bounds.minUtilisation);
  atMost("queueP95Ms", result.queueP95Ms, bounds.maxQueueP95Ms);
  atMost("downMs", result.downMs, bounds.maxDownMs);
  atMost("upMs", result.upMs, bounds.maxUpMs);
  atMost("unfairness", result.unfairness, bounds.maxUnfairness);
  return broken;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
