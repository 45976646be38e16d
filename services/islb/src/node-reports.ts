import type { ReportNodeRequest, ReportNodeResponse, RoomCorrection, RoomPosition } from "@cation/proto/islb/v1/islb";
import type { Node } from "@cation/proto/state/v1/state";
import { inParallel } from "./in-parallel.ts";
import { publishChange } from "./islb-context.ts";
import type { IslbContext } from "./islb-context.ts";
import { checkReport } from "./request-checks.ts";

/** Rooms of one report that are compared at the same time. */
const PARALLEL_ROOMS = 32;

/** What was compared last of a room on a node. */
interface Compared {
  readonly epoch: number;
  readonly version: number;
  readonly atMs: number;
}

/**
 * Takes the nodes' reports: renews leases, and compares what nodes hold with what is stored, so that whatever was lost on
 * the way (an event, a call, a whole process) heals within seconds.
 *
 * A room in which nothing changed is compared now and then only; this is remembered in the process and merely saves work.
 */
export class NodeReports {
  readonly #context: IslbContext;
  readonly #compared = new Map<string, Map<string, Compared>>();

  constructor(context: IslbContext) {
    this.#context = context;
  }

  async take(request: ReportNodeRequest): Promise<ReportNodeResponse> {
    const { registry, settings } = this.#context;
    const node = checkReport(request);
    const roomIds = request.rooms.map(({ roomId }) => roomId);
    const others = await registry.report(node, roomIds, settings.leaseMs);
    this.#context.relayPlans.noteReport(node, roomIds);
    const staleRoomIds: string[] = [];
    const corrections: RoomCorrection[] = [];
    await this.#compareReported(node, request.rooms, staleRoomIds, corrections);
    await this.#compareAbsent(node, others);
    const records = await registry.list();
    return {
      leaseMs: settings.leaseMs,
      staleRoomIds,
      nodes: records.filter(({ leaseRemainingMs }) => leaseRemainingMs > 0).map((record) => record.node),
      corrections,
    };
  }

  /** Forgets a node that is gone. */
  forget(nodeId: string): void {
    this.#compared.delete(nodeId);
  }

  async #compareReported(
    node: Node,
    positions: readonly RoomPosition[],
    staleRoomIds: string[],
    corrections: RoomCorrection[],
  ): Promise<void> {
    const points = await this.#context.store.readPoints(positions.map(({ roomId }) => roomId));
    const compared = new Map<string, Compared>();
    const due: RoomPosition[] = [];
    positions.forEach((position, i) => {
      const { epoch, version } = points[i] ?? { epoch: 0, version: 0 };
      const last = this.#compared.get(node.nodeId)?.get(position.roomId);
      if (last && this.#isSettled(position, epoch, version, last)) compared.set(position.roomId, last);
      else due.push(position);
    });
    await inParallel(due, PARALLEL_ROOMS, async (position) => {
      const { roomId } = position;
      const { exists, epoch, version, gone, missing } = await this.#reconcile(node.nodeId, position);
      if (exists && (epoch !== position.epoch || version !== position.version)) staleRoomIds.push(roomId);
      if (gone.length > 0 || missing.length > 0)
        corrections.push({ roomId, gone: [...gone], missingParticipantIds: [...missing] });
      else if (exists) compared.set(roomId, { epoch, version, atMs: this.#context.clock.monotonicMs() });
    });
    this.#compared.set(node.nodeId, compared);
  }

  /** Whether node and store say the same as each other, and as at a comparison not long ago. */
  #isSettled(position: RoomPosition, epoch: number, version: number, last: Compared): boolean {
    if (position.epoch !== epoch || position.version !== version) return false;
    if (last.epoch !== epoch || last.version !== version) return false;
    return this.#context.clock.monotonicMs() - last.atMs < this.#context.settings.reconcileIntervalMs;
  }

  /** Rooms that the node was in and says nothing of: it holds nobody there (any more, after a restart). */
  async #compareAbsent(node: Node, roomIds: readonly string[]): Promise<void> {
    const { registry, settings } = this.#context;
    const left: string[] = [];
    await inParallel(roomIds, PARALLEL_ROOMS, async (roomId) => {
      const empty = { roomId, epoch: 0, version: 0, participantIds: [] };
      const { participantsOnNode } = await this.#reconcile(node.nodeId, empty);
      if (participantsOnNode === 0) left.push(roomId);
    });
    if (left.length > 0) await registry.forgetRooms(node.nodeId, left, settings.joinGraceMs);
  }

  async #reconcile(nodeId: string, { roomId, epoch, participantIds }: RoomPosition) {
    const { store, settings, metrics, logger } = this.#context;
    const graceMs = settings.joinGraceMs;
    const result = await store.reconcileNode({ roomId, nodeId, epoch, participantIds, graceMs });
    if (result.events.length > 0) {
      metrics.ghosts.inc(result.events.length);
      logger.info({ roomId, nodeId, ghosts: result.events.length }, "ghosts removed");
    }
    return publishChange(this.#context, result);
  }
}
