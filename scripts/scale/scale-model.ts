import { RoomReplica } from "@cation/cluster/room-replica";
import { diffPlans, parentsOf } from "@cation/cluster/relay-plan";
import { makeNode } from "@cation/cluster/testing/records";
import { planRelay } from "@cation/islb/relay-plan/plan-relay";
import { IslbFixture, joinRequest, trackOf } from "@cation/islb/testing/islb-fixture";
import type { IslbService, JoinResponse } from "@cation/proto/islb/v1/islb";
import { JoinResponse as JoinResponseCodec } from "@cation/proto/islb/v1/islb";
import { RelayPlan, RelayPlanChange, RoomEvent } from "@cation/proto/state/v1/state";
import type { Track } from "@cation/proto/state/v1/state";
import { RoomAnnouncer } from "@cation/sfu/room-announcer";
import { CountingBus } from "./counting-bus.ts";
import { measureTree } from "./tree-figures.ts";
import type { TreeFigures } from "./tree-figures.ts";

const ROOM_ID = "r";
const REGIONS = ["eu", "us", "ap"];
/** A node takes a thousand participants, and no more than 300 of one room. */
const NODE_CAPACITY = 1_000;
const ROOM_SHARE = 0.3;
const STEPS = 500;
const MIN_JOINS_PER_STEP = 50;
const STEP_MS = 100;
const REPORT_MS = 1_000;

export interface ScaleOptions {
  readonly viewers: number;
  readonly publishers: number;
  readonly seed: number;
}

export interface ScaleResult {
  readonly viewers: number;
  readonly publishers: number;
  /** How the room is spread when all have joined. */
  readonly tree: TreeFigures;
  /** Calls of nodes and signals to islb while they joined. */
  readonly joins: number;
  readonly reports: number;
  readonly rereads: number;
  /** Messages of the room's events, to all nodes together, and their bytes. */
  readonly eventMessages: number;
  readonly eventBytes: number;
  readonly eventMessagesPerJoin: number;
  /** Events of the room to one client: those who publish and their tracks. */
  readonly clientEventsEach: number;
  /** What a join is answered with. */
  readonly joinResponseBytes: number;
  readonly planBytes: number;
  /** CPU of making the plan of the full room anew from the one before. */
  readonly planMs: number;
  /** An interior node is lost. */
  readonly repair: {
    readonly children: number;
    readonly movedNodes: number;
    readonly planMs: number;
    readonly changeBytes: number;
    /** From islb's knowing to the event. */
    readonly eventAfterMs: number;
  };
  readonly wallSeconds: number;
}

/** Nodes of a cluster, and what they hold of one room. */
interface ModelNode {
  readonly nodeId: string;
  readonly region: string;
  readonly participantIds: string[];
}

/**
 * One large room on the real islb (memory store, encoded calls) and simulated nodes, on a virtual clock. No message is lost,
 * so that one replica of the room stands for those of all nodes.
 */
export class ScaleModel {
  readonly #options: ScaleOptions;
  readonly #bus = new CountingBus();
  readonly #fixture: IslbFixture;
  readonly #nodes = new Map<string, ModelNode>();
  readonly #replica: RoomReplica;
  readonly #announcer = new RoomAnnouncer();
  readonly #tracks: Track[] = [];
  #islb!: IslbService;
  #joins = 0;
  #reports = 0;
  #rereads = 0;
  #clientEvents = 0;
  #joinResponseBytes = 0;

  constructor(options: ScaleOptions) {
    this.#options = options;
    this.#fixture = new IslbFixture({
      events: this.#bus,
      seed: options.seed,
      settings: { placement: "affinity", roomShare: ROOM_SHARE, joinsPerSecondPerRoom: 1_000_000 },
      // Nodes live although the model seldom has them report.
      probe: () => Promise.resolve(true),
    });
    this.#replica = new RoomReplica(ROOM_ID, (change) => {
      this.#clientEvents += this.#announcer.announce(change, this.#replica).length;
    });
    this.#bus.onMessage = (payload) => this.#hear(RoomEvent.decode(payload));
  }

  async run(): Promise<ScaleResult> {
    const startedMs = performance.now();
    const { viewers, publishers } = this.#options;
    this.#islb = await this.#fixture.startIslb();
    const count = Math.ceil(viewers / (NODE_CAPACITY * ROOM_SHARE)) + 2 * REGIONS.length;
    for (let i = 0; i < count; i += 1) {
      const nodeId = `n${String(i).padStart(4, "0")}`;
      this.#nodes.set(nodeId, { nodeId, region: REGIONS[i % REGIONS.length] ?? "", participantIds: [] });
    }
    await this.#reportAll();
    for (let i = 0; i < publishers; i += 1) await this.#publish(await this.#join(`publisher ${i}`, "eu"), i);
    await this.#admit(viewers);
    await this.#pass(2_000);
    const tree = measureTree(this.#replica.relayPlan, this.#nodesOfRoom(), this.#tracks);
    const counts = {
      eventMessages: this.#bus.delivered,
      eventBytes: this.#bus.deliveredBytes,
      clientEventsEach: this.#clientEvents,
      joins: this.#joins,
      reports: this.#reports,
      rereads: this.#rereads,
    };
    const plan = this.#replica.relayPlan;
    const result: ScaleResult = {
      viewers,
      publishers,
      tree,
      ...counts,
      eventMessagesPerJoin: counts.eventMessages / counts.joins,
      joinResponseBytes: this.#joinResponseBytes,
      planBytes: plan ? RelayPlan.encode(plan).finish().length : 0,
      planMs: this.#timePlan(plan),
      repair: await this.#loseInteriorNode(plan),
      wallSeconds: (performance.now() - startedMs) / 1_000,
    };
    await this.#fixture.close();
    return result;
  }

  async #admit(viewers: number): Promise<void> {
    const perStep = Math.max(MIN_JOINS_PER_STEP, Math.ceil(viewers / STEPS));
    for (let joined = 0, step = 0; joined < viewers; joined += perStep, step += 1) {
      const joins: Promise<JoinResponse>[] = [];
      for (let i = joined; i < Math.min(viewers, joined + perStep); i += 1)
        joins.push(this.#join(`viewer ${i}`, REGIONS[i % REGIONS.length] ?? ""));
      await this.#pass(STEP_MS);
      await Promise.all(joins);
      if (step % (REPORT_MS / STEP_MS) === 0) await this.#reportAll();
    }
  }

  async #join(identity: string, region: string): Promise<JoinResponse> {
    const answered = this.#islb.join(joinRequest(ROOM_ID, identity, { region }));
    const response = await answered;
    this.#joins += 1;
    const { participantId = "", nodeId = "" } = response.participant ?? {};
    this.#nodes.get(nodeId)?.participantIds.push(participantId);
    this.#bus.subscribers = this.#nodesOfRoom().length;
    if (response.room && this.#replica.behind) this.#replica.applySnapshot(response.room);
    this.#joinResponseBytes = JoinResponseCodec.encode(response).finish().length;
    return response;
  }

  async #publish({ participant }: JoinResponse, index: number): Promise<void> {
    const { participantId = "", nodeId = "" } = participant ?? {};
    const track = trackOf(participantId, `track ${index}`, nodeId);
    await this.#islb.publishTrack({ roomId: ROOM_ID, epoch: 0, track });
    this.#tracks.push(track);
    await this.#pass(STEP_MS);
  }

  #hear(event: RoomEvent): void {
    const { roomId, epoch } = event;
    const events = event.change?.$case === "batch" ? event.change.value.events : [event];
    for (const inner of events) this.#replica.applyEvent({ ...inner, roomId, epoch });
  }

  async #reportAll(): Promise<void> {
    const { epoch, version } = this.#replica;
    for (const node of this.#nodes.values()) await this.#report(node, epoch, version);
  }

  async #report({ nodeId, region, participantIds }: ModelNode, epoch: number, version: number): Promise<void> {
    const participants = participantIds.length;
    const node = makeNode(nodeId, {
      region,
      capacity: { maxParticipants: NODE_CAPACITY, maxPacketsPerSecond: 1_000_000, maxEgressBps: 10_000_000_000 },
      load: {
        stress: participants / NODE_CAPACITY,
        cpu: 0,
        packetsPerSecond: 0,
        egressBps: 0,
        participants,
        rooms: 1,
        tracks: 0,
      },
    });
    const rooms = participants === 0 ? [] : [{ roomId: ROOM_ID, epoch, version, participantIds }];
    const { staleRoomIds } = await this.#islb.reportNode({ node, rooms });
    this.#reports += 1;
    this.#rereads += staleRoomIds.length;
  }

  /** Lets time pass, and all that is under way arrive. */
  #pass(ms: number): Promise<void> {
    return this.#fixture.clock.advanceAsync(ms);
  }

  #nodesOfRoom(): string[] {
    return [...this.#nodes.values()].filter((node) => node.participantIds.length > 0).map(({ nodeId }) => nodeId);
  }

  /** The planner alone: one node more than the plan has. */
  #timePlan(plan: RelayPlan | undefined): number {
    const publishing = new Set(this.#tracks.map(({ nodeId }) => nodeId));
    const nodes = [...this.#nodesOfRoom(), "one more"].map((nodeId) => ({
      nodeId,
      region: this.#nodes.get(nodeId)?.region ?? "eu",
      publishes: publishing.has(nodeId),
      feeds: true,
    }));
    const times = Array.from({ length: 9 }, () => {
      const startedMs = performance.now();
      planRelay(nodes, plan, { fanOut: 8 });
      return performance.now() - startedMs;
    });
    return times.toSorted((a, b) => a - b)[4] ?? 0;
  }

  async #loseInteriorNode(before: RelayPlan | undefined): Promise<ScaleResult["repair"]> {
    const publishing = new Set(this.#tracks.map(({ nodeId }) => nodeId));
    const children = new Map<string, number>();
    for (const { parentNodeId } of before?.nodes ?? [])
      if (!publishing.has(parentNodeId)) children.set(parentNodeId, (children.get(parentNodeId) ?? 0) + 1);
    children.delete("");
    const [victim] = [...children].toSorted((a, b) => b[1] - a[1]);
    if (!victim || !before) return { children: 0, movedNodes: 0, planMs: 0, changeBytes: 0, eventAfterMs: 0 };
    const lostAtMs = this.#fixture.clock.monotonicMs();
    const startedMs = performance.now();
    this.#nodes.delete(victim[0]);
    const removed = this.#islb.removeNode({ nodeId: victim[0] });
    let eventAfterMs = -1;
    for (let passedMs = 0; passedMs < 2_000 && eventAfterMs < 0; passedMs += 5) {
      await this.#pass(5);
      if (this.#replica.relayPlan && this.#replica.relayPlan.version > before.version)
        eventAfterMs = this.#fixture.clock.monotonicMs() - lostAtMs;
    }
    await removed;
    const planMs = performance.now() - startedMs;
    const after = this.#replica.relayPlan ?? before;
    const old = parentsOf(before);
    const moved = after.nodes.filter(({ nodeId, parentNodeId }) => old.get(nodeId) !== parentNodeId);
    const change = RelayPlanChange.encode(diffPlans(before, after)).finish();
    return { children: victim[1], movedNodes: moved.length, planMs, changeBytes: change.length, eventAfterMs };
  }
}
