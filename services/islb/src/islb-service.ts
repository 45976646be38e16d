import type {
  ChangeResponse,
  Empty,
  FindParticipantRequest,
  FindParticipantResponse,
  GetRoomRequest,
  GetRosterRequest,
  GetRosterResponse,
  IslbService,
  JoinRequest,
  JoinResponse,
  LeaveRequest,
  ListNodesResponse,
  MoveParticipantRequest,
  PublishTrackRequest,
  RemoveNodeRequest,
  ReportNodeRequest,
  ReportNodeResponse,
  RestoreRoomRequest,
  RestoreRoomResponse,
  SetTrackMutedRequest,
  UnpublishTrackRequest,
} from "@cation/proto/islb/v1/islb";
import type { StoredChange } from "@cation/cluster/store/room-store";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { RoomSnapshot } from "@cation/proto/state/v1/state";
import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import { publishChange, watchStore } from "./islb-context.ts";
import type { IslbContext } from "./islb-context.ts";
import { join } from "./joins.ts";
import { explainAbsence } from "./departed-participant.ts";
import { moveParticipant } from "./move-participant.ts";
import type { NodeReports } from "./node-reports.ts";
import type { NodeSweeper } from "./node-sweeper.ts";
import type { NodeVitals } from "./node-vitals.ts";
import { checkId, checkTrack } from "./request-checks.ts";
import { restoreRoom } from "./restore-room.ts";

const DEFAULT_ROSTER_LIMIT = 100;
const MAX_ROSTER_LIMIT = 200;

/** What the calls are answered with. */
export interface IslbParts {
  readonly context: IslbContext;
  readonly vitals: NodeVitals;
  readonly reports: NodeReports;
  readonly sweeper: NodeSweeper;
}

/** What islb answers. Each call is one step on the store; then its events are published. */
export class IslbServiceImplementation implements IslbService {
  readonly #context: IslbContext;
  readonly #vitals: NodeVitals;
  readonly #reports: NodeReports;
  readonly #sweeper: NodeSweeper;

  constructor({ context, vitals, reports, sweeper }: IslbParts) {
    this.#context = context;
    this.#vitals = vitals;
    this.#reports = reports;
    this.#sweeper = sweeper;
  }

  reportNode(request: ReportNodeRequest): Promise<ReportNodeResponse> {
    return this.#answer("ReportNode", () => this.#reports.take(request));
  }

  removeNode({ nodeId }: RemoveNodeRequest): Promise<Empty> {
    return this.#answer("RemoveNode", async () => {
      checkId("node_id", nodeId);
      await this.#sweeper.removeNode(nodeId);
      return {};
    });
  }

  listNodes(): Promise<ListNodesResponse> {
    return this.#answer("ListNodes", async () => {
      const records = await this.#context.registry.list();
      return { nodes: records.filter(({ leaseRemainingMs }) => leaseRemainingMs > 0).map(({ node }) => node) };
    });
  }

  join(request: JoinRequest): Promise<JoinResponse> {
    return this.#answer("Join", () => join(this.#context, request));
  }

  moveParticipant(request: MoveParticipantRequest): Promise<JoinResponse> {
    return this.#answer("MoveParticipant", () => moveParticipant(this.#context, this.#vitals, request));
  }

  restoreRoom(request: RestoreRoomRequest): Promise<RestoreRoomResponse> {
    return this.#answer("RestoreRoom", () => restoreRoom(this.#context, request));
  }

  leave({ roomId, participantId, epoch, reason, nodeId }: LeaveRequest): Promise<ChangeResponse> {
    return this.#change("Leave", () => {
      checkId("room_id", roomId);
      checkId("participant_id", participantId);
      const why = reason === LeaveReason.UNSPECIFIED ? LeaveReason.LEFT : reason;
      return this.#context.store.leaveRoom({ roomId, participantId, epoch, reason: why, nodeId });
    });
  }

  publishTrack(request: PublishTrackRequest): Promise<ChangeResponse> {
    return this.#change("PublishTrack", () => {
      const { roomId, epoch } = request;
      checkId("room_id", roomId);
      return this.#context.store.publishTrack({ roomId, epoch, track: checkTrack(request.track) });
    });
  }

  unpublishTrack({ roomId, epoch, trackId, nodeId }: UnpublishTrackRequest): Promise<ChangeResponse> {
    return this.#change("UnpublishTrack", () => {
      checkId("room_id", roomId);
      checkId("track_id", trackId);
      return this.#context.store.unpublishTrack({ roomId, epoch, trackId, nodeId });
    });
  }

  setTrackMuted({ roomId, epoch, trackId, muted }: SetTrackMutedRequest): Promise<ChangeResponse> {
    return this.#change("SetTrackMuted", () => {
      checkId("room_id", roomId);
      checkId("track_id", trackId);
      return this.#context.store.setTrackMuted({ roomId, epoch, trackId, muted });
    });
  }

  getRoom({ roomId }: GetRoomRequest): Promise<RoomSnapshot> {
    return this.#answer("GetRoom", async () => {
      checkId("room_id", roomId);
      const snapshot = await this.#context.store.readRoom(roomId);
      if (!snapshot) throw new CodedError("ROOM_NOT_FOUND");
      return snapshot;
    });
  }

  findParticipant({ roomId, participantId }: FindParticipantRequest): Promise<FindParticipantResponse> {
    return this.#answer("FindParticipant", async () => {
      checkId("room_id", roomId);
      checkId("participant_id", participantId);
      const { store, registry } = this.#context;
      const [found, records] = await Promise.all([store.readParticipant(roomId, participantId), registry.list()]);
      if (!found) throw await explainAbsence(store, roomId, participantId);
      const { participant, epoch } = found;
      // Also a node without a lease: it may serve the participant although it cannot report.
      const record = records.find(({ node }) => node.nodeId === participant.nodeId);
      if (!record) throw new CodedError("NODE_NOT_FOUND");
      return { participant, node: record.node, epoch };
    });
  }

  getRoster({ roomId, after, limit }: GetRosterRequest): Promise<GetRosterResponse> {
    return this.#answer("GetRoster", async () => {
      checkId("room_id", roomId);
      const wanted = limit === 0 ? DEFAULT_ROSTER_LIMIT : Math.min(limit, MAX_ROSTER_LIMIT);
      const page = await this.#context.store.readRoster(roomId, after, wanted);
      if (!page) throw new CodedError("ROOM_NOT_FOUND");
      return { participants: [...page.participants], next: page.next };
    });
  }

  #change(method: string, work: () => Promise<StoredChange>): Promise<ChangeResponse> {
    return this.#answer(method, async () => {
      const { epoch, version } = publishChange(this.#context, await work());
      return { epoch, version };
    });
  }

  async #answer<T>(method: string, work: () => Promise<T>): Promise<T> {
    const { clock, metrics } = this.#context;
    const startedAtMs = clock.monotonicMs();
    let code = "OK";
    try {
      return await watchStore(this.#context, work);
    } catch (error) {
      code = toCodedError(error).code;
      throw error;
    } finally {
      metrics.calls.inc({ method, code });
      metrics.callDuration.observe({ method }, (clock.monotonicMs() - startedAtMs) / 1000);
    }
  }
}
