import type { IslbService, ReportNodeResponse, RoomPosition } from "@cation/proto/islb/v1/islb";
import type { Node, NodeLoad } from "@cation/proto/state/v1/state";
import { withTimeout } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";

/** Between reports, as long as they succeed. */
export const REPORT_INTERVAL_MS = 500;
/** After this long a report counts as failed. */
const REPORT_DEADLINE_MS = 1_500;
/** Between attempts while islb is away, at most. */
const MAX_BACKOFF_MS = 2_000;

/** What a node says of itself that does not change while it runs. */
export type NodeIdentity = Omit<Node, "load" | "draining">;

/** What a node carries. */
export interface CarriedByNode {
  readonly load: NodeLoad;
  /** Rooms with sessions here. */
  readonly rooms: readonly RoomPosition[];
}

export interface NodeAgentOptions {
  readonly identity: NodeIdentity;
  readonly islb: Pick<IslbService, "reportNode" | "removeNode">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Measures what the node carries. Called once for each report; must not take long. */
  readonly measure: () => Promise<CarriedByNode>;
  /** Called with the answer to each report that succeeded. */
  readonly onReported: (response: ReportNodeResponse) => void;
}

/**
 * Keeps the node known to islb: reports what it carries and renews its lease, for as long as it runs. While islb is away
 * it keeps trying, ever more slowly, and registers again by the first report that gets through; media does not wait
 * for it.
 */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  #timer: Timer | undefined;
  #stopped = false;
  #draining = false;
  #failures = 0;
  #leaseEndsMs = 0;
  #reporting: Promise<void> | undefined;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
  }

  /** Whether the lease was renewed in time, as far as the node knows. */
  get registered(): boolean {
    return this.#options.clock.monotonicMs() < this.#leaseEndsMs;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Reports at once and then again and again. Resolves after the first attempt, successful or not. */
  async start(): Promise<void> {
    await this.#report();
  }

  /** From now on the node reports that it takes no new work. Resolves when that was said (or could not be). */
  async setDraining(): Promise<void> {
    this.#draining = true;
    await this.#reporting;
    await this.#report();
  }

  /** Ends the lease, so that nobody waits for it to expire. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#reporting;
    const { islb, clock, identity, logger } = this.#options;
    this.#leaseEndsMs = 0;
    try {
      await withTimeout(clock, REPORT_DEADLINE_MS, islb.removeNode({ nodeId: identity.nodeId }), reportTimedOut);
    } catch (error) {
      logger.warn({ err: toCodedError(error) }, "lease not ended, it will expire");
    }
  }

  #report(): Promise<void> {
    this.#reporting ??= this.#reportOnce().finally(() => {
      this.#reporting = undefined;
      this.#schedule();
    });
    return this.#reporting;
  }

  async #reportOnce(): Promise<void> {
    const response = await this.#tryReport();
    if (response && !this.#stopped) this.#options.onReported(response);
  }

  /** The answer, or undefined when none came. */
  async #tryReport(): Promise<ReportNodeResponse | undefined> {
    const { islb, clock, logger, identity, measure } = this.#options;
    this.#timer?.cancel();
    try {
      const { load, rooms } = await measure();
      const node: Node = { ...identity, load, draining: this.#draining };
      const sentAtMs = clock.monotonicMs();
      const report = islb.reportNode({ node, rooms: [...rooms] });
      const response = await withTimeout(clock, REPORT_DEADLINE_MS, report, reportTimedOut);
      // From when it was sent: the node must not believe in its lease for longer than islb does.
      this.#leaseEndsMs = sentAtMs + response.leaseMs;
      if (this.#failures > 0) logger.info({ failures: this.#failures }, "islb is back");
      this.#failures = 0;
      return response;
    } catch (error) {
      this.#failures += 1;
      if (this.#failures === 1) logger.warn({ err: toCodedError(error) }, "report failed, media goes on");
      return undefined;
    }
  }

  #schedule(): void {
    if (this.#stopped) return;
    const backoffMs = Math.min(REPORT_INTERVAL_MS * 2 ** Math.max(0, this.#failures - 1), MAX_BACKOFF_MS);
    this.#timer = this.#options.clock.setTimer(backoffMs, () => void this.#report());
  }
}

function reportTimedOut(): CodedError {
  return new CodedError("DEADLINE_EXCEEDED", `islb did not answer a report within ${REPORT_DEADLINE_MS} ms.`);
}
