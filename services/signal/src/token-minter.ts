import type { Clock } from "@cation/service-kit/clock";
import { SignJWT } from "jose";
import type { ApiKey } from "./signal-config.ts";
import type { SourceName } from "./token-claims.ts";

/** What a token is to say. */
export interface TokenRequest {
  readonly roomId: string;
  readonly identity: string;
  readonly name?: string;
  readonly metadata?: string;
  readonly grants: {
    readonly publish: readonly SourceName[];
    readonly subscribe: boolean;
    readonly administer: boolean;
  };
  /** How long it holds. */
  readonly lifetimeMs: number;
}

/** Makes an HS256 token as an application's server would. For development mode, tests and bots. */
export function mintToken(apiKey: ApiKey, request: TokenRequest, clock: Clock): Promise<string> {
  const nowSeconds = Math.floor(clock.nowMs() / 1000);
  return new SignJWT({
    room: request.roomId,
    grants: request.grants,
    ...(request.name === undefined ? {} : { name: request.name }),
    ...(request.metadata === undefined ? {} : { metadata: request.metadata }),
  })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuer(apiKey.key)
    .setSubject(request.identity)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + Math.ceil(request.lifetimeMs / 1000))
    .sign(Buffer.from(apiKey.secret, "utf8"));
}
