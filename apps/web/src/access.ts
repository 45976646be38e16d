import { CationError } from "@cation/client/errors";

/** Who wants to enter which room. */
export interface AccessRequest {
  readonly room: string;
  readonly identity: string;
  readonly name: string;
}

/** A fresh token from the server, which hands them out in development mode only. Rejects with a `CationError`. */
export async function fetchToken(request: AccessRequest): Promise<string> {
  const response = await fetch("/dev/token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  }).catch((thrown: unknown) => {
    throw new CationError("SIGNAL_UNREACHABLE", "The server could not be reached.", true, thrown);
  });
  const body: unknown = await response.json().catch(() => undefined);
  const token = fieldOf(body, "token");
  if (response.ok && token !== undefined) return token;
  if (response.status === 404) {
    throw new CationError("TOKEN_UNAVAILABLE", "This server does not hand out tokens.", false);
  }
  throw new CationError(
    fieldOf(body, "code") ?? "TOKEN_UNAVAILABLE",
    fieldOf(body, "message") ?? "The server gave no token.",
    response.status >= 500 || response.status === 429,
  );
}

function fieldOf(body: unknown, name: string): string | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const value = (body as Record<string, unknown>)[name];
  return typeof value === "string" ? value : undefined;
}

/** An identity that nobody else has; with each page a new one, so that a second tab is a second participant. */
export function newIdentity(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
