import type {
  ChangeResponse,
  FindParticipantRequest,
  FindParticipantResponse,
  GetRosterResponse,
  IslbService,
  JoinRequest,
  JoinResponse,
  LeaveRequest,
  ListNodesResponse,
  MoveParticipantRequest,
  ReportNodeResponse,
  RestoreRoomResponse,
} from "@cation/proto/islb/v1/islb";
import { Node, Participant, RoomSnapshot } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";

/** An islb that places everybody on the first of its nodes and remembers who is where. For tests of signal. */
export class FakeIslb implements IslbService {
  /** Addresses of nodes; a join takes the first and turns the list. */
  nodes: string[] = ["sfu-a:1"];
  readonly joins: JoinRequest[] = [];
  readonly leaves: LeaveRequest[] = [];
  /** Participant id → address of its node. */
  readonly whereabouts = new Map<string, string>();
  /** Answers the next joins with this error. */
  failure: CodedError | undefined;
  /** Joins wait for it. */
  gate: Promise<void> = Promise.resolve();
  /** What GetRoom and GetRoster answer. */
  room: RoomSnapshot | undefined;
  roster: Participant[] = [];
  readonly moves: MoveParticipantRequest[] = [];
  /** Participant id that the next join says it replaced, and its node. */
  replaced = "";
  replacedNode: Node | undefined;

  async join(request: JoinRequest): Promise<JoinResponse> {
    this.joins.push(request);
    await this.gate;
    if (this.failure) throw this.failure;
    const address = this.nodes[0] ?? "";
    this.nodes.push(...this.nodes.splice(0, 1));
    const participantId = `p${this.joins.length}`;
    this.whereabouts.set(participantId, address);
    const { roomId, identity, name, metadata, grants } = request;
    return {
      participant: Participant.create({
        participantId,
        identity,
        name,
        metadata,
        grants: grants ?? {},
        nodeId: address,
      }),
      node: Node.create({ nodeId: address, grpcAddress: address }),
      room: RoomSnapshot.create({ room: { roomId, epoch: 3, version: 7 } }),
      replacedParticipantId: this.replaced,
      replacedNode: this.replacedNode,
    };
  }

  /** Puts the participant on the first node that is not the one it leaves. */
  async moveParticipant(request: MoveParticipantRequest): Promise<JoinResponse> {
    this.moves.push(request);
    if (this.failure) throw this.failure;
    const { participantId, roomId, fromAddress } = request;
    if (!this.whereabouts.has(participantId)) throw new CodedError("PARTICIPANT_NOT_FOUND");
    const address = this.nodes.find((node) => node !== fromAddress) ?? "";
    this.whereabouts.set(participantId, address);
    return {
      participant: Participant.create({ participantId, nodeId: address, grants: {} }),
      node: Node.create({ nodeId: address, grpcAddress: address }),
      room: RoomSnapshot.create({ room: { roomId, epoch: 3, version: 9 } }),
      replacedParticipantId: "",
      replacedNode: undefined,
    };
  }

  leave(request: LeaveRequest): Promise<ChangeResponse> {
    this.leaves.push(request);
    this.whereabouts.delete(request.participantId);
    return Promise.resolve({ epoch: 3, version: 8 });
  }

  findParticipant({ participantId }: FindParticipantRequest): Promise<FindParticipantResponse> {
    if (this.failure) return Promise.reject(this.failure);
    const address = this.whereabouts.get(participantId);
    if (address === undefined) return Promise.reject(new CodedError("PARTICIPANT_NOT_FOUND"));
    const participant = Participant.create({ participantId, nodeId: address });
    return Promise.resolve({ participant, node: Node.create({ nodeId: address, grpcAddress: address }), epoch: 3 });
  }

  restoreRoom(): Promise<RestoreRoomResponse> {
    return unused();
  }

  reportNode(): Promise<ReportNodeResponse> {
    return unused();
  }

  removeNode(): Promise<object> {
    return unused();
  }

  listNodes(): Promise<ListNodesResponse> {
    const nodes = this.nodes.map((address) => Node.create({ nodeId: address, grpcAddress: address }));
    return Promise.resolve({ nodes });
  }

  publishTrack(): Promise<ChangeResponse> {
    return unused();
  }

  unpublishTrack(): Promise<ChangeResponse> {
    return unused();
  }

  setTrackMuted(): Promise<ChangeResponse> {
    return unused();
  }

  getRoom(): Promise<RoomSnapshot> {
    return this.room ? Promise.resolve(this.room) : Promise.reject(new CodedError("ROOM_NOT_FOUND"));
  }

  getRoster(): Promise<GetRosterResponse> {
    return Promise.resolve({ participants: this.roster, next: "" });
  }
}

function unused(): Promise<never> {
  return Promise.reject(new Error("signal does not call this"));
}
