import { diffPlans } from "@cation/cluster/relay-plan";
import type { NodeRecord } from "@cation/cluster/store/node-registry";
import type { RoomOccupancy } from "@cation/cluster/store/room-store";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Node, RelayPlan, RoomEvent, RoomSnapshot } from "@cation/proto/state/v1/state";
import type { Timer } from "@cation/service-kit/clock";
import { toCodedError } from "@cation/service-kit/coded-error";
import { publishChange } from "../islb-context.ts";
import type { IslbContext } from "../islb-context.ts";
import { planRelay } from "./plan-relay.ts";
import type { PlannedNode } from "./plan-relay.ts";

/** What leaves a plan better as it is has time: others go too, and come back. */
const LAZY_MS = 1_000;
/** How long a join waits for its node's place in the plan; it works without. */
const JOIN_PATIENCE_MS = 250;
/** Lost races and failing stores: so often at once, then later. */
const MAX_ATTEMPTS = 5;
const RETRY_MS = 1_000;
/** What a process knows of a plan that others change too: good for tracks, and for reports. */
const TRACK_FRESH_MS = 5_000;
const REPORT_FRESH_MS = 60_000;
const MAX_REMEMBERED_ROOMS = 20_000;

/** What this process last saw of a room's nodes. Merely saves work. */
interface SeenRoom {
  readonly nodeIds: ReadonlySet<string>;
  readonly coreNodeIds: ReadonlySet<string>;
  readonly atMs: number;
}

/** Something to be done soon, once for all who want it. */
interface PendingRoom {
  timer: Timer | undefined;
  running: Promise<void> | undefined;
  again: boolean;
}

/**
 * Keeps the relay plans of rooms: whenever the nodes of a room or the roles of nodes may have changed, the room is read, the
 * plan made anew and stored in place of the one that it was made from. Any number of islbs do so at once: of two that are
 * made from the same plan one is stored, and the other islb looks again.
 */
export class RelayPlans {
  #context: IslbContext | undefined;
  readonly #seen = new Map<string, SeenRoom>();
  readonly #pending = new Map<string, PendingRoom>();
  readonly #draining = new Set<string>();
  readonly #lost = new Set<string>();
  #closed = false;

  /** Called once, before anything else. */
  serve(context: IslbContext): void {
    this.#context = context;
  }

  /** Changes of a room that this process made. */
  follow(events: readonly RoomEvent[]): void {
    for (const { roomId, change } of events) {
      switch (change?.$case) {
        case "trackPublished":
          if (!this.#recall(roomId, TRACK_FRESH_MS)?.coreNodeIds.has(change.value.nodeId))
            void this.#schedule(roomId, 0);
          break;
        case "trackUnpublished":
          this.#scheduleIfSpread(roomId, LAZY_MS);
          break;
        case "participantLeft":
          this.#scheduleIfSpread(roomId, change.value.reason === LeaveReason.NODE_LOST ? 0 : LAZY_MS);
          break;
        case "participantMoved":
          this.#scheduleIfSpread(roomId, 0);
          break;
        case "roomEnded":
          this.#seen.delete(roomId);
          break;
        default:
      }
    }
  }

  /** A node is lost: it is in no plan until it reports again, although its participants may still be on record. */
  noteLostNode(nodeId: string, roomIds: readonly string[]): void {
    this.#lost.add(nodeId);
    for (const roomId of roomIds) this.#scheduleIfSpread(roomId, 0);
  }

  /** What a node carries: finds what nobody has planned, or planned before it began to be emptied. */
  noteReport({ nodeId, draining }: Node, roomIds: readonly string[]): void {
    const turned = draining !== this.#draining.has(nodeId) || this.#lost.has(nodeId);
    this.#lost.delete(nodeId);
    if (draining) this.#draining.add(nodeId);
    else this.#draining.delete(nodeId);
    for (const roomId of roomIds) {
      const seen = this.#recall(roomId, REPORT_FRESH_MS);
      if (turned || !seen?.nodeIds.has(nodeId)) void this.#schedule(roomId, seen ? 0 : LAZY_MS);
    }
  }

  /** The room after a join, with its node in the plan where the room is on several. */
  async include(room: RoomSnapshot, nodeId: string, before: RoomOccupancy | undefined): Promise<RoomSnapshot> {
    const roomId = room.room?.roomId ?? "";
    if (isPlanned(room.relayPlan, nodeId)) return room;
    const others = [...(before?.nodes.keys() ?? [])].filter((other) => other !== nodeId);
    if (!room.relayPlan && others.length === 0) return room;
    const { clock, store } = this.#serving();
    const planned = this.#schedule(roomId, 0).then(() => store.readRoom(roomId));
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = clock.setTimer(JOIN_PATIENCE_MS, () => resolve(undefined));
    const reread = await Promise.race([planned.catch(() => undefined), late]);
    timer.cancel();
    return reread ?? room;
  }

  /** Nothing is planned any more. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#pending.values()) timer?.cancel();
    this.#pending.clear();
  }

  #serving(): IslbContext {
    if (!this.#context) throw new Error("serve() comes first");
    return this.#context;
  }

  #recall(roomId: string, freshMs: number): SeenRoom | undefined {
    const seen = this.#seen.get(roomId);
    return seen && this.#serving().clock.monotonicMs() - seen.atMs < freshMs ? seen : undefined;
  }

  #scheduleIfSpread(roomId: string, delayMs: number): void {
    if ((this.#recall(roomId, REPORT_FRESH_MS)?.nodeIds.size ?? 2) > 1) void this.#schedule(roomId, delayMs);
  }

  /** Plans the room in so long at the latest. Resolves when that is done (or given up) if it is to be done at once. */
  #schedule(roomId: string, delayMs: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    let pending = this.#pending.get(roomId);
    if (!pending) this.#pending.set(roomId, (pending = { timer: undefined, running: undefined, again: false }));
    if (delayMs > 0) {
      pending.timer ??= this.#serving().clock.setTimer(delayMs, () => void this.#run(roomId, pending));
      return Promise.resolve();
    }
    return this.#run(roomId, pending);
  }

  #run(roomId: string, pending: PendingRoom): Promise<void> {
    pending.timer?.cancel();
    pending.timer = undefined;
    if (pending.running) {
      // It may have read the room before what this caller knows of.
      pending.again = true;
      return pending.running;
    }
    pending.running = this.#planUntilSettled(roomId, pending).finally(() => {
      pending.running = undefined;
      if (!pending.timer && this.#pending.get(roomId) === pending) this.#pending.delete(roomId);
    });
    return pending.running;
  }

  async #planUntilSettled(roomId: string, pending: PendingRoom): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !this.#closed; attempt++) {
      pending.again = false;
      try {
        if ((await this.#plan(roomId)) && !pending.again) return;
      } catch (error) {
        const { code } = toCodedError(error);
        // Its epoch was raised meanwhile: read it again.
        if (code === "STALE_EPOCH") continue;
        this.#serving().logger.warn({ roomId, code }, "relay plan not made");
        break;
      }
    }
    if (!this.#closed) void this.#schedule(roomId, RETRY_MS);
  }

  /** One attempt; false where another islb was quicker. */
  async #plan(roomId: string): Promise<boolean> {
    const context = this.#serving();
    const { store, registry, settings, clock } = context;
    const [room, occupancy, records] = await Promise.all([
      store.readRoom(roomId),
      store.readOccupancy(roomId),
      registry.list(),
    ]);
    if (!room || !occupancy) {
      this.#seen.delete(roomId);
      return true;
    }
    const nodes = listNodes(room, occupancy, records).filter(({ nodeId }) => !this.#lost.has(nodeId));
    this.#remember(roomId, nodes, clock.monotonicMs());
    const plan = planRelay(nodes, room.relayPlan, { fanOut: settings.relayFanOut });
    if (!plan || plan === room.relayPlan) return true;
    const change = diffPlans(room.relayPlan, plan);
    const stored = await store.setRelayPlan({ roomId, epoch: room.room?.epoch ?? 0, plan, change });
    publishChange(context, stored);
    return stored.events.length > 0;
  }

  #remember(roomId: string, nodes: readonly PlannedNode[], atMs: number): void {
    this.#seen.delete(roomId);
    this.#seen.set(roomId, {
      nodeIds: new Set(nodes.map(({ nodeId }) => nodeId)),
      coreNodeIds: new Set(nodes.filter(({ publishes }) => publishes).map(({ nodeId }) => nodeId)),
      atMs,
    });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MAX_REMEMBERED_ROOMS && oldest !== undefined) this.#seen.delete(oldest);
  }
}

function isPlanned(plan: RelayPlan | undefined, nodeId: string): boolean {
  return plan?.nodes.some((node) => node.nodeId === nodeId) ?? false;
}

/** Nodes with participants or tracks of the room. */
function listNodes(room: RoomSnapshot, occupancy: RoomOccupancy, records: readonly NodeRecord[]): PlannedNode[] {
  const publishing = new Set(room.tracks.map(({ nodeId }) => nodeId));
  const known = new Map(records.map((record) => [record.node.nodeId, record]));
  return [...new Set([...occupancy.nodes.keys(), ...publishing])].map((nodeId) => {
    const record = known.get(nodeId);
    return {
      nodeId,
      region: record?.node.region ?? "",
      publishes: publishing.has(nodeId),
      feeds: record !== undefined && !record.node.draining,
    };
  });
}
