import { CodedError } from "@cation/service-kit/coded-error";
import type { ClientRequest, RequestKind } from "./client-request.ts";
import { nameOfSource } from "./token-claims.ts";
import type { TokenClaims } from "./token-claims.ts";

/** May be asked for after the token expired: they bring a new one, end, or keep alive. */
const ALLOWED_WHEN_EXPIRED: ReadonlySet<RequestKind> = new Set<RequestKind>(["refreshToken", "leave", "ping"]);

/**
 * Checks a request against the token as it is now. Called for every request after the join. Throws TOKEN_EXPIRED or
 * PERMISSION_DENIED. Whose track it is that setMuted names only the sfu can tell; it checks that.
 */
export function checkRequestAllowed(request: ClientRequest, claims: TokenClaims, nowMs: number): void {
  if (nowMs >= claims.expiresAtMs && !ALLOWED_WHEN_EXPIRED.has(request.$case)) throw new CodedError("TOKEN_EXPIRED");
  switch (request.$case) {
    case "publisherOffer": {
      const denied = request.value.tracks.find(({ source }) => !claims.grants.publish.includes(source));
      if (denied) throw denial(`publishing "${nameOfSource(denied.source)}"`);
      return;
    }
    case "setSubscription":
      if (request.value.subscribed && !claims.grants.subscribe) throw denial("subscribing");
      return;
    case "removeParticipant":
      if (!claims.grants.administer) throw denial("removing others");
      return;
    default:
  }
}

function denial(what: string): CodedError {
  return new CodedError("PERMISSION_DENIED", `The token does not grant ${what}.`);
}
