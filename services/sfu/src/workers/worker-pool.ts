import type { Duplex } from "@cation/cluster/rpc/duplex";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import { InspectResponse } from "@cation/proto/sfu/v1/sfu";
import type { ListRoomsResponse, SfuService } from "@cation/proto/sfu/v1/sfu";
import type { NodeCapacity } from "@cation/proto/state/v1/state";
import type { Clock } from "@cation/service-kit/clock";
import type { Logger } from "@cation/service-kit/logger";
import type { RoomHealing, WorkerReport } from "../sfu-worker.ts";
import type { GroupReport, WorkerGroup, WorkerState } from "../worker-group.ts";
import { NO_STATS, sumCounts } from "../worker-stats.ts";
import { tellLost } from "./lost-participants.ts";
import { RoomAssignments } from "./room-assignments.ts";
import { routeRelay } from "./route-relay.ts";
import { routeSession } from "./route-session.ts";
import type { PoolWorker } from "./threaded-worker.ts";
import type { WorkerLife } from "./worker-life.ts";
import { WorkerSlot } from "./worker-slot.ts";

export interface WorkerPoolOptions {
  readonly nodeId: string;
  readonly workers: number;
  /** Of the node, shared out evenly. */
  readonly capacity: NodeCapacity;
  readonly islb: Pick<IslbService, "leave">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Starts the thread of a worker. */
  readonly launch: (index: number, onExit: (error: unknown) => void) => PoolWorker;
}

/**
 * Several workers, each on a thread with a port of its own. A room is on one of them: where it was first used, the one
 * that carried least then. When a thread dies, the clients of its rooms are told to join again, the others notice
 * nothing, and a new thread takes its place.
 */
export class WorkerPool implements WorkerGroup {
  readonly service: SfuService;
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly WorkerSlot[];
  readonly #rooms: RoomAssignments<WorkerLife>;

  /** Starts the threads. Rejects with CONFIG_INVALID, and leaves none, where one cannot open its port. */
  static async open(options: WorkerPoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    try {
      await Promise.all(pool.#slots.map((slot) => slot.open()));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  private constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#rooms = new RoomAssignments(() => this.#running);
    this.#slots = Array.from({ length: options.workers }, (_, index) => this.#createSlot(index));
    this.service = {
      session: (requests) => routeSession(requests, (roomId) => this.#rooms.acquire(roomId)),
      endSession: (request) => this.#rooms.find(request.roomId)?.worker.sfu.endSession(request) ?? Promise.resolve({}),
      inspect: ({ roomId }) => this.#inspect(roomId),
      listRooms: () => this.#listRooms(),
      drain: async () => {
        await this.setDraining();
        return { sessions: this.sessionCount };
      },
    };
  }

  readonly serveRelay = (duplex: Duplex<LinkDown, LinkUp>): void =>
    routeRelay(duplex, (roomId) => this.#rooms.acquire(roomId), this.#options.clock);

  get workers(): readonly WorkerState[] {
    return this.#slots.map(({ state }) => state);
  }

  get sessionCount(): number {
    return this.#running.reduce((sum, { meter }) => sum + meter.sessionCount, 0);
  }

  get loopUtilization(): number {
    return this.#running.reduce((sum, { meter }) => sum + meter.loopUtilization, 0) / this.#slots.length;
  }

  async start(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.start()));
  }

  async report(): Promise<GroupReport> {
    await Promise.all(this.#slots.map((slot) => slot.report()));
    const reports = this.#running.map(({ meter }) => meter.lastReport);
    const retired = this.#slots.map((slot) => ({ ...NO_STATS, totals: slot.retired }));
    const stats = sumCounts(NO_STATS, ...reports.map((report) => report.stats), ...retired);
    return {
      stats,
      rooms: reports.flatMap(({ rooms }) => rooms),
      figures: reports.flatMap(({ figures }) => figures),
    };
  }

  heal({ staleRoomIds, corrections }: RoomHealing): void {
    for (const life of this.#running) {
      const isHere = (roomId: string): boolean => this.#rooms.find(roomId) === life;
      const share = {
        staleRoomIds: staleRoomIds.filter((roomId) => isHere(roomId)),
        corrections: corrections.filter(({ roomId }) => isHere(roomId)),
      };
      if (share.staleRoomIds.length + share.corrections.length === 0) continue;
      life.worker.control
        .heal(share)
        .catch((error: unknown) => this.#options.logger.warn({ err: error }, "worker not healed, asked again"));
    }
  }

  async setDraining(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.setDraining()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.close()));
  }

  get #running(): WorkerLife[] {
    return this.#slots.flatMap(({ running }) => running ?? []);
  }

  #createSlot(index: number): WorkerSlot {
    const { clock, logger, capacity, workers, launch } = this.#options;
    return new WorkerSlot({
      index,
      clock,
      logger,
      capacity: shareOf(capacity, workers),
      launch: (onExit) => launch(index, onExit),
      mark: () => this.#rooms.mark,
      onReport: (life, report, askedAt) => this.#reported(life, report, askedAt),
      onDied: (life) => this.#died(life),
    });
  }

  #reported(life: WorkerLife, { rooms }: WorkerReport, askedAt: number): void {
    this.#rooms.retain(life, new Set(rooms.map(({ roomId }) => roomId)), askedAt);
  }

  #died(life: WorkerLife): void {
    this.#rooms.drop(life);
    void tellLost(life.meter.lastReport.rooms, this.#options.islb, this.#options.logger);
  }

  async #listRooms(): Promise<ListRoomsResponse> {
    const answers = await Promise.all(this.#running.map(({ worker }) => worker.sfu.listRooms({})));
    return { rooms: answers.flatMap(({ rooms }) => rooms) };
  }

  async #inspect(roomId: string): Promise<InspectResponse> {
    const { nodeId } = this.#options;
    const home = this.#rooms.find(roomId);
    const asked = roomId === "" ? this.#running : home ? [home] : [];
    const answers = await Promise.all(asked.map(({ worker }) => worker.sfu.inspect({ roomId })));
    return InspectResponse.fromPartial({
      nodeId,
      mediaBackend: this.workers[0].facts.mediaBackend,
      sessions: countAll(answers, "sessions"),
      transports: countAll(answers, "transports"),
      producers: answers.flatMap(({ producers }) => producers),
      consumers: answers.flatMap(({ consumers }) => consumers),
      relays: answers.flatMap(({ relays }) => relays),
    });
  }
}

function shareOf({ maxParticipants, maxPacketsPerSecond, maxEgressBps }: NodeCapacity, workers: number): NodeCapacity {
  return {
    maxParticipants: maxParticipants / workers,
    maxPacketsPerSecond: maxPacketsPerSecond / workers,
    maxEgressBps: maxEgressBps / workers,
  };
}

function countAll(answers: readonly InspectResponse[], key: "sessions" | "transports"): number {
  return answers.reduce((total, answer) => total + answer[key], 0);
}
