import type { Encoding } from "@cation/proto/state/v1/state";
import type { PublishedTrack, PublisherOffer } from "@cation/proto/client/v1/client";
import { TrackSource } from "@cation/proto/common/v1/common";
import { CodedError } from "@cation/service-kit/coded-error";
import type { ClientRequest } from "./client-request.ts";

const MAX_SDP_BYTES = 262_144;
const MAX_TOKEN_LENGTH = 16_384;
const MAX_ID_LENGTH = 128;
const MAX_REGION_LENGTH = 64;
const MAX_TRACK_NAME_BYTES = 128;
const MAX_TRACKS = 128;
const MAX_ENCODINGS = 8;
const MAX_ROSTER_PAGE = 200;

/** RFC 8851 §10: alphanumeric, at most 255; ours are shorter. */
const RID_PATTERN = /^[A-Za-z0-9_-]{0,16}$/;
const MID_PATTERN = /^[\w!#$%&'*+.^`{|}~-]{1,32}$/;
const SOURCES: readonly number[] = Object.values(TrackSource).filter((source) => source !== TrackSource.UNSPECIFIED);

/** What is wrong with the values of a request whose types are right, or undefined. */
export function findRequestProblem(request: ClientRequest): CodedError | undefined {
  switch (request.$case) {
    case "join": {
      const { token, region, nodeId } = request.value;
      return (
        tooLong("token", token, MAX_TOKEN_LENGTH) ??
        tooLong("region", region, MAX_REGION_LENGTH) ??
        badId("nodeId", nodeId, 0)
      );
    }
    case "resume":
      return (
        tooLong("token", request.value.token, MAX_TOKEN_LENGTH) ??
        tooLong("sessionToken", request.value.sessionToken, MAX_TOKEN_LENGTH)
      );
    case "refreshToken":
      return tooLong("token", request.value.token, MAX_TOKEN_LENGTH);
    case "publisherOffer":
      return findOfferProblem(request.value);
    case "subscriberAnswer":
      return badSdp(request.value.sdp);
    case "setMuted":
    case "unpublish":
    case "setSubscription":
      return badId("trackId", request.value.trackId, 1);
    case "removeParticipant":
      return badId("participantId", request.value.participantId, 1);
    case "getRoster":
      return request.value.limit > MAX_ROSTER_PAGE
        ? malformed(`limit is ${request.value.limit}, must be ${MAX_ROSTER_PAGE} at most`)
        : badId("after", request.value.after, 0);
    case "restartSubscriber":
    case "leave":
    case "ping":
      return undefined;
  }
}

function findOfferProblem({ sdp, tracks }: PublisherOffer): CodedError | undefined {
  if (tracks.length > MAX_TRACKS) return malformed(`it has ${tracks.length} tracks, must have ${MAX_TRACKS} at most`);
  if (new Set(tracks.map(({ mid }) => mid)).size < tracks.length) return malformed("two tracks have the same mid");
  for (const track of tracks) {
    const problem = findTrackProblem(track);
    if (problem) return problem;
  }
  return badSdp(sdp);
}

function findTrackProblem({ mid, source, name, encodings }: PublishedTrack): CodedError | undefined {
  if (!MID_PATTERN.test(mid)) return malformed("the mid of a track is missing or not an SDP token");
  if (!SOURCES.includes(source)) return malformed(`the source of the track with mid ${mid} is missing or not known`);
  if (Buffer.byteLength(name) > MAX_TRACK_NAME_BYTES)
    return malformed(`the name of a track exceeds ${MAX_TRACK_NAME_BYTES} bytes`);
  if (encodings.length > MAX_ENCODINGS) return malformed(`a track has more than ${MAX_ENCODINGS} encodings`);
  return encodings.every(isEncoding) ? undefined : malformed("a rid is longer than 16 letters or digits");
}

function isEncoding({ rid }: Encoding): boolean {
  return RID_PATTERN.test(rid);
}

function badSdp(sdp: string): CodedError | undefined {
  const bytes = Buffer.byteLength(sdp);
  return bytes > MAX_SDP_BYTES
    ? new CodedError("MESSAGE_TOO_LARGE", `The SDP has ${bytes} bytes, must have ${MAX_SDP_BYTES} at most.`)
    : undefined;
}

function badId(field: string, id: string, minLength: number): CodedError | undefined {
  return id.length < minLength ? malformed(`${field} is missing`) : tooLong(field, id, MAX_ID_LENGTH);
}

function tooLong(field: string, value: string, maxLength: number): CodedError | undefined {
  return value.length > maxLength ? malformed(`${field} exceeds ${maxLength} characters`) : undefined;
}

function malformed(why: string): CodedError {
  return new CodedError("MESSAGE_MALFORMED", `The message is wrong: ${why}.`);
}
