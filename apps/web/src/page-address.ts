/** What the page's address says. */
export interface PageAddress {
  /** From `/r/NAME` or `?room=NAME`; empty when it names none. */
  readonly room: string;
  /** `?name=`: who one is. */
  readonly name: string;
  /** `?token=`: an access token, where the server does not hand them out itself. */
  readonly token: string;
  /** `?node=`: media node to be placed on, where the cluster lets clients choose (tests). */
  readonly nodeId: string;
  /** `?codec=`: video codec to prefer, for example `vp9`. */
  readonly codec: string;
  /** `?audio=red`: send sound with redundancy, where the browser can. */
  readonly redundancy: boolean;
  /** `?video=`: height of the picture that is sent, for example `360p`. */
  readonly quality: string;
}

/** Longest room name, in characters: what a token may carry. */
export const MAX_ROOM_LENGTH = 128;

/** Reads the page's address. */
export function readPageAddress(location: Pick<Location, "pathname" | "search">): PageAddress {
  const query = new URLSearchParams(location.search);
  const inPath = /^\/r\/([^/]+)\/?$/.exec(location.pathname)?.[1] ?? "";
  return {
    room: (decode(inPath) || (query.get("room") ?? "")).trim().slice(0, MAX_ROOM_LENGTH),
    name: (query.get("name") ?? "").trim(),
    token: query.get("token") ?? "",
    nodeId: query.get("node") ?? "",
    codec: (query.get("codec") ?? "").toLowerCase(),
    redundancy: (query.get("audio") ?? "").toLowerCase() === "red",
    quality: (query.get("video") ?? "").toLowerCase(),
  };
}

/** The link that brings somebody else into the room. */
export function roomLink(room: string, origin: string): string {
  return `${origin}/r/${encodeURIComponent(room)}`;
}

/** A name for a new room that can be said aloud, from 32 random bits. */
export function suggestRoomName(random: number): string {
  const adjective = ADJECTIVES[random % ADJECTIVES.length];
  const noun = NOUNS[Math.floor(random / 64) % NOUNS.length];
  return `${adjective}-${noun}-${(Math.floor(random / 4096) % 9000) + 1000}`;
}

function decode(component: string): string {
  try {
    return decodeURIComponent(component);
  } catch {
    return component;
  }
}

const ADJECTIVES = [
  ..."amber brave calm clear cosy crisp eager early fair fresh gentle glad golden green happy keen kind".split(" "),
  ..."light lively lucky mellow merry misty neat noble quick quiet ready round sharp silver snowy sunny".split(" "),
];
const NOUNS = [
  ..."badger beach birch brook cedar cliff cloud coast comet field finch forest garden grove harbor hazel".split(" "),
  ..."hill island lake lark maple meadow moon otter pebble pine pond river robin sparrow spring valley".split(" "),
];
