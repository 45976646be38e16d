import type { Clock } from "@cation/service-kit/clock";
import { SOURCE_NAMES } from "@cation/signal/token-claims";
import { mintToken } from "@cation/signal/token-minter";
import type { TokenMinter } from "./join-by-signal.ts";

const LIFETIME_MS = 6 * 3_600_000;

/** Tokens with every grant, as an application's server would make them. `apiKey` is "key:secret". */
export function apiKeyMinter(apiKey: string, clock: Clock): TokenMinter {
  const colon = apiKey.indexOf(":");
  if (colon <= 0) throw new Error('an API key looks like "key:secret"');
  const [key, secret] = [apiKey.slice(0, colon), apiKey.slice(colon + 1)];
  const grants = { publish: SOURCE_NAMES, subscribe: true, administer: true };
  return (roomId, identity) => mintToken({ key, secret }, { roomId, identity, grants, lifetimeMs: LIFETIME_MS }, clock);
}
