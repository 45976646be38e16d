import { TrackPriority, trackPriorityToJSON } from "@cation/proto/client/v1/client";
import { TrackSource, trackSourceToJSON } from "@cation/proto/common/v1/common";
import { Type } from "typebox";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { RequestKind } from "./client-request.ts";

/**
 * The shape of client messages in protobuf's JSON mapping. The generated fromJSON turns anything into something (an
 * object into "[object Object]"), so what is not of the right type is refused here first.
 */

const text = Type.Optional(Type.String());
const flag = Type.Optional(Type.Boolean());
const uint32 = Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff }));
const uint64 = Type.Optional(
  Type.Union([
    Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    Type.String({ pattern: "^[0-9]{1,15}$" }),
  ]),
);
const source = Type.Optional(
  Type.Enum(Object.values(TrackSource).flatMap((value) => [value, trackSourceToJSON(value)] as const)),
);

const priority = Type.Optional(
  Type.Enum(Object.values(TrackPriority).flatMap((value) => [value, trackPriorityToJSON(value)] as const)),
);

const encoding = Type.Object({ rid: text, width: uint32, height: uint32, maxBitrateBps: uint32 });
const publishedTrack = Type.Object({
  mid: text,
  source,
  name: text,
  muted: flag,
  encodings: Type.Optional(Type.Array(encoding)),
});

const REQUEST_SCHEMAS: Readonly<Record<RequestKind, TSchema>> = {
  join: Type.Object({ token: text, region: text, nodeId: text, autoSubscribe: flag }),
  resume: Type.Object({ sessionToken: text, token: text, lastEventSequence: uint64 }),
  publisherOffer: Type.Object({ sdp: text, tracks: Type.Optional(Type.Array(publishedTrack)) }),
  subscriberAnswer: Type.Object({ offerId: uint32, sdp: text }),
  setMuted: Type.Object({ trackId: text, muted: flag }),
  unpublish: Type.Object({ trackId: text }),
  setSubscription: Type.Object({
    trackId: text,
    subscribed: flag,
    paused: flag,
    maxSpatialId: uint32,
    maxTemporalId: uint32,
    width: uint32,
    height: uint32,
    maxFrameRate: uint32,
    priority,
  }),
  restartSubscriber: Type.Object({}),
  refreshToken: Type.Object({ token: text }),
  leave: Type.Object({}),
  ping: Type.Object({}),
  removeParticipant: Type.Object({ participantId: text }),
  getRoster: Type.Object({ after: text, limit: uint32 }),
};

const VALIDATORS = new Map(Object.entries(REQUEST_SCHEMAS).map(([kind, schema]) => [kind, Compile(schema)]));

/** Client messages are flatter than this. */
const MAX_DEPTH = 8;

/** What a JSON message is, before it becomes a ClientMessage. `requestId` is 0 where it cannot be told. */
export type JsonShape =
  | { readonly kind: "request"; readonly requestId: number; readonly value: object }
  | { readonly kind: "unknown"; readonly requestId: number; readonly names: string[] }
  | { readonly kind: "malformed"; readonly requestId: number; readonly why: string };

/**
 * Looks at a parsed JSON value. Field names may be in lowerCamelCase or as in the .proto file, null is an absent field
 * (protobuf's JSON mapping); fields that this release does not know are left out.
 */
export function readJsonShape(parsed: unknown): JsonShape {
  const value = normalize(parsed, 0);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return malformed(0, "it is not an object");
  const { requestId: id, ...rest } = value as Record<string, unknown>;
  if (id !== undefined && !isRequestId(id)) return malformed(0, "requestId is not a number from 1 to 4294967295");
  const requestId = id ?? 0;
  const known = Object.keys(rest).filter((name) => VALIDATORS.has(name));
  const [kind] = known;
  if (kind === undefined) {
    const names = Object.keys(rest);
    return names.length > 0 ? { kind: "unknown", requestId, names } : malformed(requestId, "it has no request");
  }
  if (known.length > 1) return malformed(requestId, `it has ${known.length} requests: ${known.join(", ")}`);
  const [problem] = VALIDATORS.get(kind)?.Errors(rest[kind]) ?? [];
  if (problem) return malformed(requestId, `${kind}${problem.instancePath.replaceAll("/", ".")} ${problem.message}`);
  return { kind: "request", requestId, value: { requestId, [kind]: rest[kind] } };
}

function malformed(requestId: number, why: string): JsonShape {
  return { kind: "malformed", requestId, why };
}

function isRequestId(id: unknown): id is number {
  return Number.isInteger(id) && (id as number) >= 1 && (id as number) <= 0xffff_ffff;
}

function normalize(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) return null;
  if (Array.isArray(value)) return value.map((item) => normalize(item, depth + 1));
  const copy: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, field] of Object.entries(value)) {
    if (field !== null) copy[toCamelCase(name)] = normalize(field, depth + 1);
  }
  return copy;
}

function toCamelCase(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}
