import { describe, expect, it } from "vitest";
import { layOutStage } from "./stage.ts";
import type { Tile } from "./tiles.ts";

function tile(name: string, kind: Tile["kind"] = "person", isSelf = false): Tile {
  return {
    key: `${name}/${kind}`,
    kind,
    participantId: name,
    name,
    isSelf,
    video: {} as MediaStreamTrack,
    trackId: `${name}-${kind}`,
    isVideoAwaited: false,
    isMicrophoneOn: true,
    isPaused: false,
    isHeldBack: false,
  };
}

const TILES = [tile("ada"), tile("bob"), tile("eve"), tile("me", "person", true)];
const CHOICE = { mode: "grid", pinnedKey: "", speakers: [] as string[], lastSpeakerId: "" } as const;
const large = (tiles: readonly Tile[], choice: Partial<Parameters<typeof layOutStage>[1]>) =>
  layOutStage(tiles, { ...CHOICE, ...choice }).large.map(({ key }) => key);

describe("the stage", () => {
  it("is a grid of all", () => {
    expect(layOutStage(TILES, CHOICE)).toEqual({ large: [], others: TILES });
  });

  it("shows who speaks large in speaker mode, and stays with them while nobody else does", () => {
    expect(large(TILES, { mode: "speaker", speakers: ["eve", "ada"] })).toEqual(["eve/person"]);
    expect(large(TILES, { mode: "speaker", lastSpeakerId: "bob" })).toEqual(["bob/person"]);
    expect(large(TILES, { mode: "speaker", speakers: ["me"], lastSpeakerId: "bob" })).toEqual(["bob/person"]);
    expect(large(TILES, { mode: "speaker" })).toEqual(["ada/person"]);
    expect(large([TILES[3]], { mode: "speaker" })).toEqual([]);
  });

  it("shows screens large, and before everything what is pinned", () => {
    const tiles = [...TILES, tile("eve", "screen")];
    expect(large(tiles, {})).toEqual(["eve/screen"]);
    expect(large(tiles, { pinnedKey: "bob/person", mode: "speaker", speakers: ["ada"] })).toEqual(["bob/person"]);
    expect(large(tiles, { pinnedKey: "gone/person" })).toEqual(["eve/screen"]);
  });
});
