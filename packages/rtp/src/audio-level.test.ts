import { describe, expect, it } from "vitest";
import { audioLevelOf, audioLevelVoice, encodeAudioLevel } from "./audio-level.ts";

describe("audio level", () => {
  it("is −dBov with a voice bit (RFC 6464 §3)", () => {
    for (let level = 0; level <= 127; level++) {
      for (const voice of [false, true]) {
        const value = encodeAudioLevel(level, voice);
        expect([audioLevelOf(value), audioLevelVoice(value)]).toEqual([level, voice]);
      }
    }
    expect(encodeAudioLevel(200, false)).toBe(127);
    expect(encodeAudioLevel(-1, false)).toBe(0);
  });
});
