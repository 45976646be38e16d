import type { Joined } from "@cation/proto/client/v1/client";
import type { Clock } from "@cation/service-kit/clock";
import type { LinkHandler, SignalLink } from "./signal-link.ts";
import { openWebSocketLink } from "./websocket-link.ts";

/** Where and as whom to join. */
export interface Place {
  /** Of a signal node: ws, wss, http or https; the path is added. */
  readonly url: string;
  readonly room: string;
  readonly identity: string;
  /** Empty: wherever the cluster likes. */
  readonly nodeId: string;
  /** Undefined: signal mints one, where it is in development mode. */
  readonly token: string | undefined;
}

/** Joins a room over the client protocol. Rejects with what the server refused. */
export async function joinBySignal(
  place: Place,
  clock: Clock,
  handler: LinkHandler,
): Promise<{ link: SignalLink; joined: Joined }> {
  const token = place.token ?? (await mintToken(place));
  const link = await openWebSocketLink(withPath(place.url, "ws", "/rtc"), clock, handler);
  const join = { token, region: "", nodeId: place.nodeId, autoSubscribe: true };
  const answer = await link.request({ $case: "join", value: join });
  if (answer.$case !== "joined") throw new Error("the server answered the join with something else");
  return { link, joined: answer.value };
}

async function mintToken({ url, room, identity }: Place): Promise<string> {
  const response = await fetch(withPath(url, "http", "/dev/token"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ room, identity }),
  });
  const body: unknown = await response.json();
  const token: unknown = typeof body === "object" && body !== null ? Reflect.get(body, "token") : undefined;
  if (typeof token !== "string")
    throw new Error(`signal mints no token (HTTP ${response.status}); pass one by --token`);
  return token;
}

/** The same host by another scheme ("ws" or "http"; an s stays) and path. */
function withPath(url: string, scheme: "ws" | "http", path: string): string {
  const parsed = new URL(url);
  const isSecure = parsed.protocol === "wss:" || parsed.protocol === "https:";
  return `${scheme}${isSecure ? "s" : ""}://${parsed.host}${path}`;
}
