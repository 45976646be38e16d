import { createSecretKey, hkdfSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { CodedError } from "@cation/service-kit/coded-error";
import { jwtVerify, SignJWT } from "jose";
import { Type } from "typebox";
import Value from "typebox/value";

/** What a session token names: enough for any signal node to find the session again. */
export interface SessionReference {
  readonly roomId: string;
  readonly identity: string;
  readonly participantId: string;
  /** host:port of the sfu that holds the session. */
  readonly nodeAddress: string;
}

/** Signs and reads session tokens. All signal nodes of a cluster have the same secret. */
export interface SessionTokens {
  issue(session: SessionReference): Promise<string>;
  /** Rejects with SESSION_NOT_FOUND: to the client a token that is not ours is a session that does not exist. */
  read(token: string): Promise<SessionReference>;
}

/** Kept apart from access tokens by type and by key, so that neither passes for the other. */
const TOKEN_TYPE = "cation-session+jwt";

const referenceSchema = Type.Object({
  room: Type.String(),
  sub: Type.String(),
  participant: Type.String(),
  node: Type.String(),
});

/**
 * A session token has no time of its own: it opens nothing without an access token for the same room and identity, and
 * names nothing once the session is over.
 */
export function createSessionTokens(secret: string): SessionTokens {
  const key = deriveKey(secret);
  return {
    issue: ({ roomId, identity, participantId, nodeAddress }) =>
      new SignJWT({ room: roomId, participant: participantId, node: nodeAddress })
        .setProtectedHeader({ alg: "HS256", typ: TOKEN_TYPE })
        .setSubject(identity)
        .sign(key),
    async read(token) {
      try {
        const { payload } = await jwtVerify(token, key, { algorithms: ["HS256"], typ: TOKEN_TYPE });
        const claims = Value.Parse(referenceSchema, payload);
        const { room, sub, participant, node } = claims;
        return { roomId: room, identity: sub, participantId: participant, nodeAddress: node };
      } catch (error) {
        throw new CodedError("SESSION_NOT_FOUND", "The session token is not one of this cluster.", { cause: error });
      }
    },
  };
}

/** A key for this purpose alone (RFC 5869), whatever else the secret is used for. */
function deriveKey(secret: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync("sha256", secret, "", TOKEN_TYPE, 32)));
}
