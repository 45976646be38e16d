import { CodedError } from "@cation/service-kit/coded-error";
import { TrackSource } from "@cation/proto/common/v1/common";
import type { Grants } from "@cation/proto/common/v1/common";
import { Type } from "typebox";
import type { Static } from "typebox";
import Value from "typebox/value";

/** Names of sources in tokens. */
export const SOURCE_NAMES = ["camera", "microphone", "screen", "screen_audio"] as const;
export type SourceName = (typeof SOURCE_NAMES)[number];

const SOURCES: Readonly<Record<SourceName, TrackSource>> = {
  camera: TrackSource.CAMERA,
  microphone: TrackSource.MICROPHONE,
  screen: TrackSource.SCREEN,
  screen_audio: TrackSource.SCREEN_AUDIO,
};

/** A room's id or an identity: 1 … 128 characters, none of them a control character. */
export const NAME_PATTERN = "^[^\\u0000-\\u001f\\u007f]{1,128}$";

/** Claims of a token beside the registered ones (docs/protocol.md). What is not granted is denied. */
export const claimsSchema = Type.Object({
  room: Type.String({ pattern: NAME_PATTERN }),
  sub: Type.String({ pattern: NAME_PATTERN }),
  exp: Type.Number({ minimum: 0 }),
  name: Type.Optional(Type.String({ maxLength: 256 })),
  metadata: Type.Optional(Type.String({ maxLength: 4096 })),
  grants: Type.Optional(
    Type.Object({
      publish: Type.Optional(Type.Array(Type.Enum([...SOURCE_NAMES]), { maxItems: 16 })),
      subscribe: Type.Optional(Type.Boolean()),
      administer: Type.Optional(Type.Boolean()),
    }),
  ),
});

/** What a verified token says. */
export interface TokenClaims {
  readonly roomId: string;
  readonly identity: string;
  readonly name: string;
  readonly metadata: string;
  readonly grants: Grants;
  /** When it ends on our clock, the allowed skew included. */
  readonly expiresAtMs: number;
}

/** Reads the claims of a token whose signature is right. Throws TOKEN_INVALID naming the wrong claim. */
export function readClaims(payload: unknown): TokenClaims {
  if (!Value.Check(claimsSchema, payload)) {
    const [first] = Value.Errors(claimsSchema, payload);
    const claim = first?.instancePath.slice(1).replaceAll("/", ".") ?? "";
    throw new CodedError("TOKEN_INVALID", `The token's claims are wrong: ${claim} ${first?.message ?? ""}`.trim());
  }
  const { room, sub, exp, name, metadata, grants }: Static<typeof claimsSchema> = payload;
  // Half a surrogate pair has no UTF-8 form: two such names could become one on the wire.
  if (!room.isWellFormed() || !sub.isWellFormed()) throw new CodedError("TOKEN_INVALID", "A name is not well-formed.");
  return {
    roomId: room,
    identity: sub,
    name: name ?? "",
    metadata: metadata ?? "",
    grants: {
      publish: [...new Set(grants?.publish)].map((source) => SOURCES[source]),
      subscribe: grants?.subscribe ?? false,
      administer: grants?.administer ?? false,
    },
    expiresAtMs: exp * 1000,
  };
}

/** The name of a source in tokens and messages to people. */
export function nameOfSource(source: TrackSource): string {
  return SOURCE_NAMES.find((name) => SOURCES[name] === source) ?? "unknown";
}
