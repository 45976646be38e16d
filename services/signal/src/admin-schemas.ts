import { Type } from "typebox";
import type { Static } from "typebox";
import { NAME_PATTERN } from "./token-claims.ts";

/** Schemas of the admin API: what it answers is cut to them, what it is asked must fit them. */

const count = Type.Integer({ minimum: 0 });
const timestampMs = Type.Number({ description: "Unix time." });

export const nodeSchema = Type.Object({
  nodeId: Type.String(),
  region: Type.String(),
  version: Type.String(),
  draining: Type.Boolean(),
  startedAtMs: timestampMs,
  stress: Type.Number({ description: "0 idle … 1 full." }),
  cpu: Type.Number(),
  packetsPerSecond: Type.Number(),
  egressBps: Type.Number(),
  participants: count,
  rooms: count,
  tracks: count,
  maxParticipants: count,
  maxEgressBps: Type.Number(),
});
export type NodeView = Static<typeof nodeSchema>;

export const roomSchema = Type.Object({
  roomId: Type.String(),
  participants: count,
  tracks: count,
  nodeIds: Type.Array(Type.String()),
});
export type RoomView = Static<typeof roomSchema>;

export const relayLinkSchema = Type.Object({
  from: Type.String(),
  to: Type.String(),
  tracks: count,
  packets: Type.Number({ description: "Received over the link so far." }),
});
export type RelayLinkView = Static<typeof relayLinkSchema>;

export const participantSchema = Type.Object({
  participantId: Type.String(),
  identity: Type.String(),
  name: Type.String(),
  nodeId: Type.String(),
  joinedAtMs: timestampMs,
  published: count,
  received: count,
  receivedBps: Type.Number(),
  sentBps: Type.Number(),
  loss: Type.Number({ description: "Of the stream that has it worst, 0 … 1." }),
  roundTripMs: Type.Number(),
  score: Type.Number({ description: "1 … 5 (docs/quality.md); 0 before anything is known." }),
});
export type ParticipantView = Static<typeof participantSchema>;

export const roomDetailSchema = Type.Object({
  roomId: Type.String(),
  participantCount: count,
  createdAtMs: timestampMs,
  nodeIds: Type.Array(Type.String()),
  planned: Type.Array(Type.Object({ nodeId: Type.String(), parentNodeId: Type.String() }), {
    description: "islb's relay plan; empty while the room is on one node.",
  }),
  links: Type.Array(relayLinkSchema, { description: "What is relayed now." }),
  participants: Type.Array(participantSchema),
});
export type RoomDetail = Static<typeof roomDetailSchema>;

const id = Type.String({ pattern: NAME_PATTERN });
export const nodeParamsSchema = Type.Object({ nodeId: id });
export const roomParamsSchema = Type.Object({ roomId: id });
export const participantParamsSchema = Type.Object({ roomId: id, participantId: id });
export const drainedSchema = Type.Object({ sessions: count });
