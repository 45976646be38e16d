import type { IslbService } from "@cation/proto/islb/v1/islb";
import type { InspectResponse, SfuService } from "@cation/proto/sfu/v1/sfu";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { Node, Participant, RoomSnapshot } from "@cation/proto/state/v1/state";
import { withTimeout } from "@cation/service-kit/clock";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import type { NodeView, ParticipantView, RelayLinkView, RoomDetail, RoomView } from "./admin-schemas.ts";

export interface ClusterViewOptions {
  readonly islb: IslbService;
  readonly sfuFor: (address: string) => SfuService;
  readonly clock: Clock;
}

/** A node that does not answer an operator's question in time is left out of the answer. */
const NODE_TIMEOUT_MS = 2_000;
/** Participants of a room that are listed; publishers come first. */
const MAX_PARTICIPANTS = 500;
const ROSTER_PAGE = 200;

/** What a room's nodes said of it. */
interface Inspected {
  readonly nodeId: string;
  readonly answer: InspectResponse;
}

/** The cluster as an operator sees it, put together from islb's records and the nodes' own figures. Holds nothing. */
export class ClusterView {
  readonly #options: ClusterViewOptions;

  constructor(options: ClusterViewOptions) {
    this.#options = options;
  }

  async listNodes(): Promise<NodeView[]> {
    const { nodes } = await this.#options.islb.listNodes({});
    return nodes.map(toNodeView).toSorted((a, b) => a.nodeId.localeCompare(b.nodeId));
  }

  /** Rooms with participants on any node that answers, the largest first. */
  async listRooms(): Promise<RoomView[]> {
    const { nodes } = await this.#options.islb.listNodes({});
    const rooms = new Map<string, { participants: number; tracks: number; nodeIds: string[] }>();
    const answers = await this.#askAll(nodes, (sfu) => sfu.listRooms({}));
    for (const { nodeId, answer } of answers) {
      for (const { roomId, sessions, tracks } of answer.rooms) {
        const room = rooms.get(roomId) ?? { participants: 0, tracks: 0, nodeIds: [] };
        room.participants += sessions;
        room.tracks += tracks;
        room.nodeIds.push(nodeId);
        rooms.set(roomId, room);
      }
    }
    return Array.from(rooms, ([roomId, room]) => ({ roomId, ...room })).toSorted(
      (a, b) => b.participants - a.participants || a.roomId.localeCompare(b.roomId),
    );
  }

  /** Error: ROOM_NOT_FOUND. */
  async readRoom(roomId: string): Promise<RoomDetail> {
    const { islb } = this.#options;
    const [snapshot, { nodes }] = await Promise.all([islb.getRoom({ roomId }), islb.listNodes({})]);
    const participants = await this.#listParticipants(roomId, snapshot);
    const inspected = await this.#askAll(nodes, (sfu) => sfu.inspect({ roomId }));
    const isPresent = ({ answer }: Inspected): boolean =>
      answer.sessions + answer.relays.length + answer.producers.length > 0;
    return {
      roomId,
      participantCount: snapshot.participantCount,
      createdAtMs: snapshot.room?.createdAtMs ?? 0,
      nodeIds: inspected.filter(isPresent).map(({ nodeId }) => nodeId),
      planned: (snapshot.relayPlan?.nodes ?? []).map(({ nodeId, parentNodeId }) => ({ nodeId, parentNodeId })),
      links: toLinks(inspected),
      participants: participants.map((participant) => toParticipantView(participant, snapshot, inspected)),
    };
  }

  /** The node takes no new work from now on and moves its participants away. Error: NODE_NOT_FOUND. */
  async drainNode(nodeId: string): Promise<{ readonly sessions: number }> {
    const { islb, sfuFor } = this.#options;
    const { nodes } = await islb.listNodes({});
    const node = nodes.find((one) => one.nodeId === nodeId);
    if (!node) throw new CodedError("NODE_NOT_FOUND");
    return sfuFor(node.grpcAddress).drain({});
  }

  /** Ends somebody's session. Error: PARTICIPANT_NOT_FOUND. */
  async removeParticipant(roomId: string, participantId: string): Promise<void> {
    const { islb, sfuFor } = this.#options;
    const { node, epoch } = await islb.findParticipant({ roomId, participantId });
    const reason = LeaveReason.REMOVED;
    await islb.leave({ roomId, participantId, epoch, reason, nodeId: "" });
    // Its node hears of it by the room's event too; this is sooner, and does not depend on it.
    if (node)
      await sfuFor(node.grpcAddress)
        .endSession({ roomId, participantId, reason })
        .catch(() => undefined);
  }

  /** Everybody that is known to publish, then the others page by page, up to a bound. */
  async #listParticipants(roomId: string, { participants: publishers }: RoomSnapshot): Promise<Participant[]> {
    const byId = new Map(publishers.map((participant) => [participant.participantId, participant]));
    let after = "";
    do {
      const page = await this.#options.islb.getRoster({ roomId, after, limit: ROSTER_PAGE });
      for (const participant of page.participants) byId.set(participant.participantId, participant);
      after = page.next;
    } while (after !== "" && byId.size < MAX_PARTICIPANTS);
    return [...byId.values()].slice(0, MAX_PARTICIPANTS);
  }

  async #askAll<T>(
    nodes: readonly Node[],
    ask: (sfu: SfuService) => Promise<T>,
  ): Promise<{ readonly nodeId: string; readonly answer: T }[]> {
    const { sfuFor, clock } = this.#options;
    const late = (): Error => new CodedError("SFU_UNAVAILABLE");
    const answers = await Promise.all(
      nodes.map(async ({ nodeId, grpcAddress }) => {
        try {
          return { nodeId, answer: await withTimeout(clock, NODE_TIMEOUT_MS, ask(sfuFor(grpcAddress)), late) };
        } catch (error) {
          if (toCodedError(error).code === "INTERNAL") throw error;
          return undefined;
        }
      }),
    );
    return answers.filter((answer) => answer !== undefined);
  }
}

function toNodeView({ nodeId, region, version, draining, startedAtMs, load, capacity }: Node): NodeView {
  return {
    nodeId,
    region,
    version,
    draining,
    startedAtMs,
    stress: load?.stress ?? 0,
    cpu: load?.cpu ?? 0,
    packetsPerSecond: load?.packetsPerSecond ?? 0,
    egressBps: load?.egressBps ?? 0,
    participants: load?.participants ?? 0,
    rooms: load?.rooms ?? 0,
    tracks: load?.tracks ?? 0,
    maxParticipants: capacity?.maxParticipants ?? 0,
    maxEgressBps: capacity?.maxEgressBps ?? 0,
  };
}

/** Who sends tracks to whom: as the receiving nodes say, which each know what they get from where. */
function toLinks(inspected: readonly Inspected[]): RelayLinkView[] {
  const links = new Map<string, { from: string; to: string; tracks: number; packets: number }>();
  for (const { nodeId, answer } of inspected) {
    for (const { direction, peerNodeId, packets } of answer.relays) {
      if (direction !== "in") continue;
      const key = `${peerNodeId} ${nodeId}`;
      const link = links.get(key) ?? { from: peerNodeId, to: nodeId, tracks: 0, packets: 0 };
      link.tracks += 1;
      link.packets += packets;
      links.set(key, link);
    }
  }
  return [...links.values()];
}

function toParticipantView(
  { participantId, identity, name, nodeId, joinedAtMs }: Participant,
  snapshot: RoomSnapshot,
  inspected: readonly Inspected[],
): ParticipantView {
  const published = snapshot.tracks.filter((track) => track.participantId === participantId);
  const trackIds = new Set(published.map(({ trackId }) => trackId));
  const home = inspected.find((one) => one.nodeId === nodeId)?.answer;
  const received = (home?.consumers ?? []).filter((consumer) => consumer.participantId === participantId);
  const sent = (home?.producers ?? []).filter(({ trackId, origin }) => origin === "local" && trackIds.has(trackId));
  const scores = [...received, ...sent].map(({ score }) => score).filter((score) => score > 0);
  return {
    participantId,
    identity,
    name,
    nodeId,
    joinedAtMs,
    published: published.length,
    received: received.length,
    receivedBps: received.reduce((sum, { bitrateBps }) => sum + bitrateBps, 0),
    sentBps: sent.flatMap(({ layerBitratesBps }) => layerBitratesBps).reduce((sum, bps) => sum + bps, 0),
    loss: worst([...received, ...sent].map(({ loss }) => loss)),
    roundTripMs: worst(received.map(({ roundTripMs }) => roundTripMs)),
    // As the one who has it worst would judge.
    score: scores.length === 0 ? 0 : Math.min(...scores),
  };
}

function worst(values: readonly number[]): number {
  return Math.max(0, ...values);
}
