import type { NodeRecord } from "@cation/cluster/store/node-registry";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Timer } from "@cation/service-kit/clock";
import { inParallel } from "./in-parallel.ts";
import { publishChange, watchStore } from "./islb-context.ts";
import type { IslbContext } from "./islb-context.ts";
import type { NodeVitals } from "./node-vitals.ts";

/** Rooms of a lost node that are cleaned at the same time. */
const PARALLEL_ROOMS = 32;

export interface NodeSweeperOptions {
  readonly context: IslbContext;
  readonly vitals: NodeVitals;
  readonly onRemoved: (nodeId: string) => void;
}

/**
 * Looks for nodes that are lost (see NodeVitals). Their participants stay on record for a while, in which each can go on
 * at another node under its id; who has not by then is removed, so that nobody is watched who will not come back.
 *
 * Every islb process sweeps; what one has done is nothing to do for the next.
 */
export class NodeSweeper {
  readonly #context: IslbContext;
  readonly #vitals: NodeVitals;
  readonly #onRemoved: (nodeId: string) => void;
  #timer: Timer | undefined;
  #lastSweepMs: number;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor({ context, vitals, onRemoved }: NodeSweeperOptions) {
    this.#context = context;
    this.#vitals = vitals;
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

  /** A node said that it is going. Where it leaves nobody behind, it is forgotten at once. */
  async removeNode(nodeId: string): Promise<void> {
    const { registry } = this.#context;
    const record = (await registry.list()).find(({ node }) => node.nodeId === nodeId);
    // Announced to leave, and without a lease: lost, whether it still answers or not.
    if (record) await registry.report({ ...record.node, draining: true }, [], 0);
    this.#context.relayPlans.noteLostNode(nodeId, await registry.rooms(nodeId));
    if (await this.#isEmpty(nodeId)) await this.#clean(nodeId);
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
    const silent = records.filter(({ leaseRemainingMs }) => leaseRemainingMs <= 0);
    await Promise.all(silent.map((record) => this.#removeIfDue(record)));
    this.#lastSweepMs = clock.monotonicMs();
  }

  async #removeIfDue(record: NodeRecord): Promise<void> {
    if (!(await this.#vitals.isLost(record))) return;
    const { nodeId } = record.node;
    const isDue = this.#vitals.lostForMs(nodeId) >= this.#context.settings.moveGraceMs;
    if (isDue || (await this.#isEmpty(nodeId))) await this.#clean(nodeId);
  }

  /** Whether nobody is on the node any more. */
  async #isEmpty(nodeId: string): Promise<boolean> {
    const { registry, store } = this.#context;
    let isEmpty = true;
    await inParallel(await registry.rooms(nodeId), PARALLEL_ROOMS, async (roomId) => {
      if (isEmpty && (await store.readOccupancy(roomId))?.nodes.has(nodeId) === true) isEmpty = false;
    });
    return isEmpty;
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
