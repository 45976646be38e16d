import type { NodeCapacity } from "@cation/proto/state/v1/state";
import { withTimeout } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import type { WorkerFacts, WorkerReport } from "../sfu-worker.ts";
import type { WorkerState } from "../worker-group.ts";
import { NO_STATS, sumCounts } from "../worker-stats.ts";
import type { WorkerTotals } from "../worker-stats.ts";
import type { PoolWorker } from "./threaded-worker.ts";
import { WorkerLife } from "./worker-life.ts";

/** How long a node's report waits for its workers. */
const REPORT_DEADLINE_MS = 500;
/** A thread that has not answered for so long hangs: nothing flows through it, and nothing will. */
const HANG_MS = 15_000;
/** Before a thread is started anew, and between attempts at most. */
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
/** A thread that lived for so long died of something new. */
const STEADY_MS = 60_000;

export interface WorkerSlotOptions {
  readonly index: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The worker's share of the node's. */
  readonly capacity: NodeCapacity;
  readonly launch: (onExit: (error: unknown) => void) => PoolWorker;
  /** Called with each report; `askedAt` is what `mark` gave when it was asked for. */
  readonly onReport: (life: WorkerLife, report: WorkerReport, askedAt: number) => void;
  readonly mark: () => number;
  /** A thread died with all that it held. Its successor is on its way. */
  readonly onDied: (life: WorkerLife) => void;
}

/** The place of one worker: keeps a thread in it, one after the other where they die. */
export class WorkerSlot {
  readonly #options: WorkerSlotOptions;
  #life: WorkerLife | undefined;
  #facts: WorkerFacts | undefined;
  #retired: WorkerTotals = NO_STATS.totals;
  #restarts = 0;
  #failures = 0;
  #draining = false;
  #timer: Timer | undefined;
  #asking: { readonly life: WorkerLife; readonly sinceMs: number; readonly done: Promise<void> } | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
  }

  /** The worker, while it takes sessions. */
  get running(): WorkerLife | undefined {
    return this.#life?.running === true ? this.#life : undefined;
  }

  get state(): WorkerState {
    if (!this.#facts) throw new CodedError("INTERNAL", "The worker was not opened.");
    const { running } = this;
    return {
      facts: this.#facts,
      running: running !== undefined,
      restarts: this.#restarts,
      sessions: running?.meter.sessionCount ?? 0,
      packetsPerSecond: running?.meter.packetsPerSecond ?? 0,
    };
  }

  /** Totals of those that died. */
  get retired(): WorkerTotals {
    return this.#retired;
  }

  /** Starts the thread. Rejects with CONFIG_INVALID where it cannot open its port. */
  async open(): Promise<void> {
    const { launch, capacity, clock } = this.#options;
    const worker = launch((error) => this.#exited(life, error));
    const life = new WorkerLife(worker, capacity, clock.monotonicMs());
    this.#life = life;
    this.#facts = await worker.control.open({});
  }

  /** Lets the worker take packets and sessions. */
  async start(): Promise<void> {
    const life = this.#life;
    if (!life) return;
    if (this.#draining) await life.worker.control.setDraining({});
    await life.worker.control.start({});
    life.started = true;
  }

  /** Asks for a report and waits for it a little. Resolves without one where the worker does not answer in time. */
  async report(): Promise<void> {
    const { clock } = this.#options;
    const life = this.running;
    if (!life) return;
    if (this.#asking?.life !== life) {
      this.#asking = { life, sinceMs: clock.monotonicMs(), done: this.#ask(life) };
    } else if (clock.monotonicMs() - this.#asking.sinceMs > HANG_MS) {
      this.#options.logger.error({ worker: this.#options.index }, "worker hangs, ending its thread");
      void life.worker.terminate();
    }
    const late = (): Error => new CodedError("DEADLINE_EXCEEDED");
    await withTimeout(clock, REPORT_DEADLINE_MS, this.#asking.done, late).catch(() => undefined);
  }

  async setDraining(): Promise<void> {
    this.#draining = true;
    await this.running?.worker.control.setDraining({}).catch(() => undefined);
  }

  /** Ends the worker's sessions and then its thread. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#timer?.cancel();
    const worker = this.#life?.worker;
    if (worker?.alive === true) await worker.control.close({}).catch(() => undefined);
    await worker?.terminate();
  }

  /** Never rejects: a worker that cannot answer dies, which is told elsewhere. */
  async #ask(life: WorkerLife): Promise<void> {
    const { index, clock, logger, mark, onReport } = this.#options;
    const askedAt = mark();
    try {
      const report = await life.worker.control.report({});
      life.note(report, clock.monotonicMs());
      onReport(life, report, askedAt);
    } catch (error) {
      if (life.worker.alive) logger.error({ err: error, worker: index }, "worker did not report");
    } finally {
      if (this.#asking?.life === life) this.#asking = undefined;
    }
  }

  #exited(life: WorkerLife, error: unknown): void {
    if (this.#closing || this.#life !== life) return;
    const { index, logger, clock, onDied } = this.#options;
    // Where it never began, whoever waits for that is told that it failed.
    if (!life.started) return logger.error({ err: error, worker: index }, "worker ended before it began");
    this.#life = undefined;
    this.#retired = sumCounts(this.#retired, life.meter.lastReport.stats.totals);
    if (clock.monotonicMs() - life.startedAtMs > STEADY_MS) this.#failures = 0;
    logger.error({ err: error, worker: index }, "worker died, starting it anew");
    this.#scheduleRestart();
    onDied(life);
  }

  #scheduleRestart(): void {
    const delayMs = Math.min(MIN_BACKOFF_MS * 2 ** this.#failures, MAX_BACKOFF_MS);
    this.#failures += 1;
    this.#timer = this.#options.clock.setTimer(delayMs, () => void this.#restart());
  }

  async #restart(): Promise<void> {
    const { index, logger } = this.#options;
    try {
      await this.open();
      await this.start();
    } catch (error) {
      if (this.#closing) return;
      logger.error({ err: error, worker: index }, "worker not started, trying again");
      const life = this.#life;
      this.#life = undefined;
      void life?.worker.terminate();
      this.#scheduleRestart();
      return;
    }
    this.#restarts += 1;
    logger.info({ worker: index, restarts: this.#restarts, ...this.#facts }, "worker is back");
  }
}
