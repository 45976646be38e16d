import type { Joined } from "@cation/proto/client/v1/client";
import { SignalSession } from "@cation/client/signal-session";
import type { SessionEnvironment } from "@cation/client/session-environment";
import type { Clock } from "@cation/service-kit/clock";
import { openNodeSocket } from "./node-socket.ts";
import type { LinkHandler, SignalLink } from "./signal-link.ts";

/** Makes a token for somebody. */
export type TokenMinter = (room: string, identity: string) => Promise<string>;

/** Where and as whom to join. */
export interface Place {
  /** Of signal nodes: ws, wss, http or https; the path is added. After a failure the next one is tried. */
  readonly urls: readonly string[];
  readonly room: string;
  readonly identity: string;
  readonly region?: string;
  /** Empty: wherever the cluster likes. */
  readonly nodeId: string;
  /** Or who makes one. Undefined: signal does, where it is in development mode. */
  readonly token: string | TokenMinter | undefined;
  /** Receive every track without asking. */
  readonly autoSubscribe: boolean;
}

const LEAVE_DEADLINE_MS = 5_000;

/**
 * Joins a room over the client protocol, by the SDK's own session: a lost connection is resumed, and a lost session or
 * node leads to a new join, exactly as in a browser. Rejects with what the server refused.
 */
export async function joinBySignal(
  place: Place,
  clock: Clock,
  random: () => number,
  handler: LinkHandler,
): Promise<{ link: SignalLink; joined: Joined }> {
  const { room, identity, region = "", nodeId, autoSubscribe } = place;
  const mint = typeof place.token === "function" ? place.token : () => mintBySignal(place.urls[0], room, identity);
  let first: Joined | undefined;
  const line = { isCut: false };
  const session = new SignalSession(
    environmentOf(clock, random, line),
    {
      urls: place.urls.map((url) => withPath(url, "ws", "/rtc")),
      token: typeof place.token === "string" ? place.token : () => mint(room, identity),
      region,
      nodeId,
      autoSubscribe,
    },
    {
      onJoined: (joined, mode) => {
        if (mode === "joined") first = joined;
        else if (mode === "rejoined") handler.onRejoined(joined, "anew");
        else if (mode === "moved") handler.onRejoined(joined, "moved");
        else if (!joined.eventsReplayed) handler.onRejoined(joined, "resumed");
      },
      onEvent: (event) => handler.onEvent(event),
      onStateChanged: () => undefined,
      onError: () => undefined,
      onEnded: (cause) => handler.onClosed(`${cause.code}: ${cause.message}`),
    },
  );
  await session.join();
  if (!first) throw new Error("the session began without an answer to its join");
  const link: SignalLink = {
    request: (request) => session.request(request),
    leave: () => session.leave(LEAVE_DEADLINE_MS),
    close: () => {
      line.isCut = true;
      void session.leave(0);
    },
  };
  return { link, joined: first };
}

/** Over a line that is cut nothing is sent any more, not even a goodbye. */
function environmentOf(clock: Clock, random: () => number, line: { readonly isCut: boolean }): SessionEnvironment {
  return {
    createSocket: (url, protocol, handlers) => openNodeSocket(url, protocol, handlers, () => line.isCut),
    nowMs: () => clock.nowMs(),
    random,
    setTimer: (callback, delayMs) => {
      const timer = clock.setTimer(delayMs, callback);
      return () => timer.cancel();
    },
  };
}

/** A token from signal in development mode. */
async function mintBySignal(url: string, room: string, identity: string): Promise<string> {
  const response = await fetch(withPath(url, "http", "/dev/token"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ room, identity }),
  });
  const body: unknown = await response.json().catch(() => undefined);
  const token: unknown = typeof body === "object" && body !== null ? Reflect.get(body, "token") : undefined;
  if (typeof token !== "string") throw new Error(`signal mints no token (HTTP ${response.status}); pass one`);
  return token;
}

/** The same host by another scheme ("ws" or "http"; an s stays) and path. */
function withPath(url: string, scheme: "ws" | "http", path: string): string {
  const parsed = new URL(url);
  const isSecure = parsed.protocol === "wss:" || parsed.protocol === "https:";
  return `${scheme}${isSecure ? "s" : ""}://${parsed.host}${path}`;
}
