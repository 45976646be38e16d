import type { NodeRecord } from "@cation/cluster/store/node-registry";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Node } from "@cation/proto/state/v1/state";
import type { Timer } from "@cation/service-kit/clock";
import { inParallel } from "./in-parallel.ts";
import { publishChange, watchStore } from "./islb-context.ts";
import type { IslbContext } from "./islb-context.ts";

/** Rooms of a lost node that are cleaned at the same time. */
const PARALLEL_ROOMS = 32;

/** Asks a node whether it lives, though its reports do not come. */
export type NodeProbe = (node: Node) => Promise<boolean>;

export interface NodeSweeperOptions {
  readonly context: IslbContext;
  /** Without it, silence is enough. */
  readonly probe: NodeProbe | undefined;
  readonly onRemoved: (nodeId: string) => void;
}

/**
 * Looks for nodes that are lost and removes their participants. A node is lost when its lease has been gone for a lease
 * and the grace, it does not answer a probe, and the store was reachable for at least as long: leases also run out when
 * the store is away, and nobody is removed for that.
 *
 * Every islb process sweeps; what one has done is nothing to do for the next.
 */
export class NodeSweeper {
  readonly #context: IslbContext;
  readonly #probe: NodeProbe | undefined;
  readonly #onRemoved: (nodeId: string) => void;
  #timer: Timer | undefined;
  #lastSweepMs: number;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor({ context, probe, onRemoved }: NodeSweeperOptions) {
    this.#context = context;
    this.#probe = probe;
    this.#onRemoved = onRemoved;
    this.#lastSweepMs = context.clock.monotonicMs();
  }

  /** Sweeps now and from then on. Resolves after the first time, whether the store could be reached or not. */
  async start(): Promise<void> {
    this.#lastSweepMs = this.#context.clock.monotonicMs();
    await this.#sweep();
  }

  /** Idempotent. Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** Removes a node and everybody on it now: it said that it is going. */
  async removeNode(nodeId: string): Promise<void> {
    await this.#context.registry.endLease(nodeId);
    await this.#clean(nodeId);
  }

  #sweep(): Promise<void> {
    this.#running = this.#sweepOnce()
      .catch((error: unknown) => this.#context.logger.warn({ err: error }, "sweep failed"))
      .finally(() => {
        if (this.#stopped) return;
        this.#timer = this.#context.clock.setTimer(this.#context.settings.sweepIntervalMs, () => void this.#sweep());
      });
    return this.#running;
  }

  async #sweepOnce(): Promise<void> {
    const { registry, settings, clock, calm } = this.#context;
    const nowMs = clock.monotonicMs();
    // A process that stood still has not seen the reports that came meanwhile.
    if (nowMs - this.#lastSweepMs > settings.sweepIntervalMs * 2 + settings.leaseMs / 2) calm.noteTrouble();
    this.#lastSweepMs = nowMs;
    const records = await watchStore(this.#context, () => registry.list());
    this.#count(records);
    const patienceMs = settings.leaseMs + settings.nodeLossGraceMs;
    if (!calm.hasLastedFor(patienceMs)) return;
    const silent = records.filter(({ leaseRemainingMs }) => leaseRemainingMs <= -patienceMs);
    for (const { node } of silent) await this.#removeIfLost(node);
    this.#lastSweepMs = clock.monotonicMs();
  }

  async #removeIfLost(node: Node): Promise<void> {
    const { logger, metrics } = this.#context;
    const { nodeId } = node;
    if (await this.#probe?.(node).catch(() => false)) {
      logger.warn({ nodeId }, "node answers though it does not report; its participants stay");
      return;
    }
    metrics.lostNodes.inc();
    logger.warn({ nodeId }, "node lost");
    await this.#clean(nodeId);
  }

  async #clean(nodeId: string): Promise<void> {
    const { registry, store } = this.#context;
    await watchStore(this.#context, async () => {
      await inParallel(await registry.rooms(nodeId), PARALLEL_ROOMS, async (roomId) => {
        publishChange(this.#context, await store.removeNode(roomId, nodeId, LeaveReason.NODE_LOST));
      });
      if (await registry.removeExpired(nodeId)) this.#onRemoved(nodeId);
    });
  }

  #count(records: readonly NodeRecord[]): void {
    const counts = { alive: 0, draining: 0, silent: 0 };
    for (const { node, leaseRemainingMs } of records)
      counts[leaseRemainingMs <= 0 ? "silent" : node.draining ? "draining" : "alive"] += 1;
    for (const [state, count] of Object.entries(counts)) this.#context.metrics.nodes.set({ state }, count);
  }
}
