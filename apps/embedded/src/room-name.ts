const ADJECTIVES =
  "amber brave calm clear cosy eager fair gentle golden happy kind lively mellow noble quiet sunny".split(" ");
const NOUNS =
  "badger birch brook cedar comet finch garden harbor island lark maple otter pebble river sparrow valley".split(" ");

/** A name for a new room that can be said aloud. `random` gives numbers from 0 to 1. */
export function makeRoomName(random: () => number): string {
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? "";
  return `${pick(ADJECTIVES)}-${pick(NOUNS)}-${1000 + Math.floor(random() * 9000)}`;
}
