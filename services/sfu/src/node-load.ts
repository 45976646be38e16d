import type { NodeCapacity } from "@cation/proto/state/v1/state";

/** Running totals that rates are made of. */
export interface LoadTotals {
  /** Sent and received, RTP and RTCP. */
  readonly packets: number;
  readonly sentBytes: number;
  /** CPU time of the process, user and system. */
  readonly cpuUs: number;
}

/** What was used between two measurements. */
export interface MeasuredLoad {
  /** Share of the machine's cores, 0 … 1. */
  readonly cpu: number;
  readonly packetsPerSecond: number;
  readonly egressBps: number;
  /** The worst of CPU, event loop, packets and egress against their limits, 0 … 1. */
  readonly stress: number;
}

export interface LoadMeterOptions {
  readonly capacity: NodeCapacity;
  /** Cores that the process may use. */
  readonly cores: number;
  readonly readTotals: () => LoadTotals;
  /** Share of the time since the last call that the deciding thread was busy, 0 … 1. */
  readonly readLoopUtilization: () => number;
}

const IDLE: MeasuredLoad = { cpu: 0, packetsPerSecond: 0, egressBps: 0, stress: 0 };

/** Turns running totals into the load of a node, smoothed over a few seconds so that one burst does not repel joins. */
export class LoadMeter {
  readonly #options: LoadMeterOptions;
  #totals: LoadTotals;
  #atMs: number;
  #loop = 0;
  #load: MeasuredLoad = IDLE;

  constructor(options: LoadMeterOptions, nowMs: number) {
    this.#options = options;
    this.#totals = options.readTotals();
    this.#atMs = nowMs;
    options.readLoopUtilization();
  }

  /** The newest figures, as of the last `measure`. */
  get load(): MeasuredLoad {
    return this.#load;
  }

  /** Measures since the last call. Calls that follow each other within a millisecond change nothing. */
  measure(nowMs: number): MeasuredLoad {
    const elapsedMs = nowMs - this.#atMs;
    if (elapsedMs < 1) return this.#load;
    const totals = this.#options.readTotals();
    const before = this.#totals;
    this.#totals = totals;
    this.#atMs = nowMs;

    const blend = 1 - Math.exp(-elapsedMs / SMOOTHING_MS);
    const previous = this.#load;
    const cpu = mix(previous.cpu, (totals.cpuUs - before.cpuUs) / (elapsedMs * 1_000 * this.#options.cores), blend);
    const packetsPerSecond = mix(
      previous.packetsPerSecond,
      ((totals.packets - before.packets) * 1_000) / elapsedMs,
      blend,
    );
    const egressBps = mix(previous.egressBps, ((totals.sentBytes - before.sentBytes) * 8_000) / elapsedMs, blend);
    this.#loop = mix(this.#loop, this.#options.readLoopUtilization(), blend);
    this.#load = { cpu, packetsPerSecond, egressBps, stress: this.#stress(cpu, packetsPerSecond, egressBps) };
    return this.#load;
  }

  #stress(cpu: number, packetsPerSecond: number, egressBps: number): number {
    const { maxPacketsPerSecond, maxEgressBps } = this.#options.capacity;
    const packets = maxPacketsPerSecond > 0 ? packetsPerSecond / maxPacketsPerSecond : 0;
    const egress = maxEgressBps > 0 ? egressBps / maxEgressBps : 0;
    return Math.min(1, Math.max(cpu, this.#loop, packets, egress));
  }
}

const SMOOTHING_MS = 2_000;

function mix(old: number, now: number, blend: number): number {
  return old + (Math.max(0, now) - old) * blend;
}
