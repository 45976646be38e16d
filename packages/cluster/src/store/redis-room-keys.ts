import { encodeToken } from "../token.ts";

/** Keys of a room, in the order in which scripts take them. docs/state.md says what is in each. */
const SUFFIXES = [
  "room",
  "participants",
  "identities",
  "roster",
  "placement",
  "nodes",
  "tracks",
  "publishers",
  "departed",
] as const;

/** All keys of a room. They share the hash tag `{room id}`, so that a cluster keeps them together. */
export function roomKeys(prefix: string, roomId: string): string[] {
  const tagged = `${prefix}{${encodeToken(roomId)}}:`;
  return SUFFIXES.map((suffix) => tagged + suffix);
}
