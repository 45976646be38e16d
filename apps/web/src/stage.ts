import type { Tile } from "./tiles.ts";

/** Everybody in equal tiles, or one person large and the others beside. */
export type StageMode = "grid" | "speaker";

/** Which tiles are large, and which stand beside them (or fill the stage, where none is large). */
export interface StageLayout {
  readonly large: readonly Tile[];
  readonly others: readonly Tile[];
}

export interface StageChoice {
  readonly mode: StageMode;
  /** Key of the tile that the person chose; empty for none. */
  readonly pinnedKey: string;
  /** Who speaks, the dominant one first. */
  readonly speakers: readonly string[];
  /** Whom the stage showed large before: stays while nobody else speaks. */
  readonly lastSpeakerId: string;
}

/** What the person pinned comes first, then shared screens, then (in speaker mode) who speaks. */
export function layOutStage(tiles: readonly Tile[], choice: StageChoice): StageLayout {
  const pinned = tiles.find(({ key }) => key === choice.pinnedKey);
  if (pinned) return apart(tiles, [pinned]);
  const screens = tiles.filter(({ kind }) => kind === "screen");
  if (screens.length > 0) return apart(tiles, screens);
  if (choice.mode === "grid") return { large: [], others: tiles };
  const speaker = speakerTile(tiles, choice);
  return speaker ? apart(tiles, [speaker]) : { large: [], others: tiles };
}

/** One's own picture is large only where there is nobody else. */
function speakerTile(tiles: readonly Tile[], { speakers, lastSpeakerId }: StageChoice): Tile | undefined {
  const others = tiles.filter(({ isSelf }) => !isSelf);
  for (const id of [...speakers, lastSpeakerId]) {
    const found = others.find(({ participantId }) => participantId === id);
    if (found) return found;
  }
  return others.find(({ video }) => video !== undefined) ?? others[0];
}

function apart(tiles: readonly Tile[], large: readonly Tile[]): StageLayout {
  return { large, others: tiles.filter((tile) => !large.includes(tile)) };
}
