import type { NodeCapacity } from "@cation/proto/state/v1/state";
import { LoadMeter } from "../node-load.ts";
import type { WorkerReport } from "../sfu-worker.ts";
import { NO_STATS } from "../worker-stats.ts";

const NO_REPORT: WorkerReport = { stats: NO_STATS, rooms: [], figures: [] };

/** What one worker carries, by its reports. */
export class WorkerMeter {
  readonly #capacity: NodeCapacity;
  readonly #meter: LoadMeter;
  #lastReport = NO_REPORT;
  #loopUtilization = 0;

  /** @param capacity the worker's share of its node's. */
  constructor(capacity: NodeCapacity, nowMs: number) {
    this.#capacity = capacity;
    const readTotals = () => {
      const { receivedPackets, sentPackets, sentBytes } = this.#lastReport.stats.totals;
      return { packets: receivedPackets + sentPackets, sentBytes, cpuUs: 0 };
    };
    const readLoopUtilization = (): number => this.#loopUtilization;
    this.#meter = new LoadMeter({ capacity, cores: 1, readTotals, readLoopUtilization }, nowMs);
  }

  /** Of nothing, before the first. */
  get lastReport(): WorkerReport {
    return this.#lastReport;
  }

  /** Share of the time between the last two reports that its thread was busy, 0 … 1. */
  get loopUtilization(): number {
    return this.#loopUtilization;
  }

  get packetsPerSecond(): number {
    return this.#meter.load.packetsPerSecond;
  }

  get sessionCount(): number {
    return this.#lastReport.stats.held.sessions;
  }

  /** The worst of packets, egress, thread and sessions against their limits. */
  get load(): number {
    return Math.max(this.#meter.load.stress, this.sessionCount / Math.max(1, this.#capacity.maxParticipants));
  }

  note(report: WorkerReport, nowMs: number): void {
    const { loop } = this.#lastReport.stats;
    const busyMs = report.stats.loop.activeMs - loop.activeMs;
    const allMs = busyMs + report.stats.loop.idleMs - loop.idleMs;
    // The first one covers the start, which says nothing of what follows.
    if (allMs > 0 && this.#lastReport !== NO_REPORT) this.#loopUtilization = busyMs / allMs;
    this.#lastReport = report;
    this.#meter.measure(nowMs);
  }
}
