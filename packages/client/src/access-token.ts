/** A token, or where to get a fresh one; asked at each join and before the last one expires. */
export type TokenSource = string | (() => Promise<string>);

/** When a JWT expires (RFC 7519 §4.1.4), in milliseconds since 1970; undefined when it does not say. Not verified. */
export function tokenExpiryMs(token: string): number | undefined {
  const payload = token.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    if (typeof claims !== "object" || claims === null || !("exp" in claims)) return undefined;
    return typeof claims.exp === "number" ? claims.exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

/**
 * How long to wait before renewing a token that expires in `lifetimeMs`: until a tenth of its life is left, but at
 * least half a minute where the life is longer than that.
 */
export function renewalDelayMs(lifetimeMs: number): number {
  const marginMs = Math.min(Math.max(lifetimeMs / 10, 30_000), lifetimeMs / 2);
  return Math.max(0, lifetimeMs - marginMs);
}
