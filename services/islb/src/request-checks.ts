import type { JoinRequest, ReportNodeRequest } from "@cation/proto/islb/v1/islb";
import type { Node, Track } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";

const MAX_ID_BYTES = 256;
const MAX_TEXT_BYTES = 1024;
/** Participant.metadata says so. */
const MAX_METADATA_BYTES = 4096;
/** Track.name says so. */
const MAX_TRACK_NAME_BYTES = 128;
const MAX_CODECS = 64;
const MAX_ENCODINGS = 16;

/** Throws MESSAGE_MALFORMED unless the value is 1 … 256 bytes of text. */
export function checkId(name: string, value: string): void {
  const bytes = Buffer.byteLength(value);
  if (bytes < 1 || bytes > MAX_ID_BYTES) throw malformed(name, `has ${bytes} bytes, must have 1 to ${MAX_ID_BYTES}`);
}

/** Throws MESSAGE_MALFORMED. */
export function checkJoin(request: JoinRequest): void {
  checkId("room_id", request.roomId);
  checkId("identity", request.identity);
  checkText("name", request.name, MAX_TEXT_BYTES);
  checkText("metadata", request.metadata, MAX_METADATA_BYTES);
  checkText("region", request.region, MAX_ID_BYTES);
  checkText("node_id", request.nodeId, MAX_ID_BYTES);
}

/** Throws MESSAGE_MALFORMED; returns the track. */
export function checkTrack(track: Track | undefined): Track {
  if (!track) throw malformed("track", "is missing");
  checkId("track.track_id", track.trackId);
  checkId("track.participant_id", track.participantId);
  checkText("track.name", track.name, MAX_TRACK_NAME_BYTES);
  if (track.codecs.length > MAX_CODECS) throw malformed("track.codecs", `has more than ${MAX_CODECS} entries`);
  if (track.encodings.length > MAX_ENCODINGS)
    throw malformed("track.encodings", `has more than ${MAX_ENCODINGS} entries`);
  return track;
}

/** Throws MESSAGE_MALFORMED; returns the node. */
export function checkReport({ node, rooms }: ReportNodeRequest): Node {
  if (!node) throw malformed("node", "is missing");
  checkId("node.node_id", node.nodeId);
  checkId("node.grpc_address", node.grpcAddress);
  for (const room of rooms) checkId("rooms.room_id", room.roomId);
  return node;
}

function checkText(name: string, value: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(value);
  if (bytes > maxBytes) throw malformed(name, `has ${bytes} bytes, may have ${maxBytes}`);
}

function malformed(name: string, why: string): CodedError {
  return new CodedError("MESSAGE_MALFORMED", `${name} ${why}.`);
}
