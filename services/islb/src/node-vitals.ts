import type { NodeRecord } from "@cation/cluster/store/node-registry";
import type { Node } from "@cation/proto/state/v1/state";
import { sleep } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import { inParallel } from "./in-parallel.ts";
import { watchStore } from "./islb-context.ts";
import type { IslbContext } from "./islb-context.ts";

/** Asks a node whether it lives, though its reports do not come. */
export type NodeProbe = (node: Node) => Promise<boolean>;

/** What is remembered of a lost node. */
interface Fenced {
  /** Of the process that was lost: a new one under the same name may be lost again. */
  readonly startedAtMs: number;
  readonly lostAtMs: number;
  readonly done: Promise<void>;
}

/** Between two looks at a lease that is running out. */
const LOOK_INTERVAL_MS = 100;
/** Rooms of a lost node that are fenced at the same time. */
const PARALLEL_ROOMS = 32;

/**
 * Decides whether nodes are lost: the lease is gone, the node does not answer a probe, and the store was reachable for
 * long enough that the lease says something. A node that announced that it leaves needs no probe. Those who ask at the
 * same time share the answer.
 *
 * The rooms of a lost node are fenced once, before anything is taken from it: their epochs are raised, so that what it
 * may still say counts for nothing.
 */
export class NodeVitals {
  readonly #context: IslbContext;
  readonly #probe: NodeProbe | undefined;
  readonly #decisions = new Map<string, Promise<boolean>>();
  /** Lost nodes. */
  readonly #fenced = new Map<string, Fenced>();

  /** @param probe without it, silence is enough. */
  constructor(context: IslbContext, probe: NodeProbe | undefined) {
    this.#context = context;
    this.#probe = probe;
  }

  /** How long the store must have been reachable before a lease that ran out says something. */
  get patienceMs(): number {
    const { leaseMs, nodeLossGraceMs } = this.#context.settings;
    return leaseMs + nodeLossGraceMs;
  }

  /**
   * Whether a node is lost. Where its lease has not run out yet, waits until it does (lost, or not), or is renewed. Throws
   * STORE_UNAVAILABLE where the store was away just now, so that nothing can be known.
   */
  confirmLost(nodeId: string): Promise<boolean> {
    const known = this.#decisions.get(nodeId);
    if (known) return known;
    const decision = this.#decide(nodeId).finally(() => this.#decisions.delete(nodeId));
    this.#decisions.set(nodeId, decision);
    return decision;
  }

  /** The same for a node whose lease is gone, without waiting; false too where nothing can be known. */
  async isLost({ node, leaseRemainingMs }: NodeRecord): Promise<boolean> {
    if (leaseRemainingMs > 0 || !this.#context.calm.hasLastedFor(this.patienceMs)) return false;
    if (!node.draining && (await this.#answers(node))) return false;
    await this.#fence(node);
    return true;
  }

  /** How long ago a lost node was found to be lost, by this process. */
  lostForMs(nodeId: string): number {
    const lostAtMs = this.#fenced.get(nodeId)?.lostAtMs;
    return lostAtMs === undefined ? 0 : this.#context.clock.monotonicMs() - lostAtMs;
  }

  /** Forgets what was known of a node that is gone. */
  forget(nodeId: string): void {
    this.#fenced.delete(nodeId);
  }

  async #decide(nodeId: string): Promise<boolean> {
    const { clock } = this.#context;
    let before = Infinity;
    for (;;) {
      const record = await this.#read(nodeId);
      // It said goodbye, and what was left of it was cleaned away.
      if (!record) return true;
      const { leaseRemainingMs } = record;
      if (leaseRemainingMs > before) return false;
      before = leaseRemainingMs;
      if (leaseRemainingMs <= 0) {
        if (!this.#context.calm.hasLastedFor(this.patienceMs)) {
          throw new CodedError("STORE_UNAVAILABLE", "The state store was away just now. Try again in a few seconds.");
        }
        return this.isLost(record);
      }
      await sleep(clock, Math.min(LOOK_INTERVAL_MS, leaseRemainingMs + 1));
    }
  }

  async #read(nodeId: string): Promise<NodeRecord | undefined> {
    const records = await watchStore(this.#context, () => this.#context.registry.list());
    return records.find(({ node }) => node.nodeId === nodeId);
  }

  async #answers(node: Node): Promise<boolean> {
    const answers = (await this.#probe?.(node).catch(() => false)) ?? false;
    if (answers) {
      this.#context.logger.warn({ nodeId: node.nodeId }, "node answers though it does not report; it stays as it is");
    }
    return answers;
  }

  #fence({ nodeId, startedAtMs }: Node): Promise<void> {
    const known = this.#fenced.get(nodeId);
    if (known?.startedAtMs === startedAtMs) return known.done;
    const { metrics, logger, clock } = this.#context;
    metrics.lostNodes.inc();
    logger.warn({ nodeId }, "node lost");
    const done = this.#raiseEpochs(nodeId);
    this.#fenced.set(nodeId, { startedAtMs, lostAtMs: clock.monotonicMs(), done });
    // Not done is tried again by whoever asks next.
    done.catch(() => this.#fenced.delete(nodeId));
    return done;
  }

  async #raiseEpochs(nodeId: string): Promise<void> {
    const { registry, store, relayPlans } = this.#context;
    await watchStore(this.#context, async () => {
      const roomIds = await registry.rooms(nodeId);
      await inParallel(roomIds, PARALLEL_ROOMS, async (roomId) => {
        await store.raiseEpoch(roomId);
      });
      relayPlans.noteLostNode(nodeId, roomIds);
    });
  }
}
