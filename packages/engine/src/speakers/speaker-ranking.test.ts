import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SpeakerRanking } from "./speaker-ranking.ts";

const STEP_US = 100_000;

/** A room whose voices have these loudnesses; `look` lets 100 ms pass. */
class Voices {
  readonly ranking: SpeakerRanking<string>;
  readonly loudness = new Map<string, number>();
  changes = 0;
  nowUs = 0;

  constructor(count: number, ...names: string[]) {
    this.ranking = new SpeakerRanking(count);
    for (const name of names) this.ranking.add(name);
  }

  say(levels: Record<string, number>, ms: number): void {
    for (const [name, loudness] of Object.entries(levels)) this.loudness.set(name, loudness);
    for (let passed = 0; passed < ms; passed += STEP_US / 1_000) {
      this.nowUs += STEP_US;
      if (this.ranking.look((name) => this.loudness.get(name) ?? 0, this.nowUs)) this.changes++;
    }
  }
}

describe("a ranking of speakers", () => {
  test("names who speaks within a few looks, and forgets after a pause", () => {
    const room = new Voices(2, "ada", "bob", "eve");
    room.say({}, 1_000);
    expect(room.ranking.speaking).toEqual([]);
    room.say({ bob: 95 }, 500);
    expect(room.ranking.speaking).toEqual(["bob"]);
    expect(room.ranking.dominant).toBe("bob");
    room.say({ bob: 0 }, 800);
    expect(room.ranking.speaking).toEqual(["bob"]);
    room.say({}, 1_500);
    expect(room.ranking.speaking).toEqual([]);
    expect(room.ranking.dominant).toBe("bob");
    expect(room.ranking.ranked[0]).toBe("bob");
    expect(room.ranking.isQuiet).toBe(true);
  });

  test("does not take a click for speech, nor a cough for dominance", () => {
    const room = new Voices(3, "ada", "bob");
    room.say({ bob: 90 }, 100);
    room.say({ bob: 0 }, 500);
    expect(room.ranking.speaking).toEqual([]);
    room.say({ ada: 90 }, 2_000);
    room.say({ bob: 110 }, 400);
    room.say({ bob: 0 }, 1_000);
    expect(room.ranking.dominant).toBe("ada");
  });

  test("lets the louder one take over, after a while", () => {
    const room = new Voices(3, "ada", "bob");
    room.say({ ada: 85 }, 2_000);
    room.say({ bob: 110 }, 3_000);
    expect(room.ranking.dominant).toBe("bob");
    expect(room.ranking.speaking).toEqual(["bob", "ada"]);
  });

  test("of voices of like loudness hears the same ones", () => {
    const names = Array.from({ length: 12 }, (_, i) => `p${i}`);
    const room = new Voices(3, ...names);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 86, max: 90 }), { minLength: 1200, maxLength: 1200 }), (levels) => {
        room.say(Object.fromEntries(names.map((name) => [name, 88])), 2_000);
        const heard = new Set(room.ranking.loudest(3));
        let replaced = 0;
        for (let i = 0; i < levels.length; i += names.length) {
          room.say(Object.fromEntries(names.map((name, k) => [name, levels[i + k]])), 100);
          for (const name of room.ranking.loudest(3)) if (!heard.has(name)) replaced++;
        }
        expect(replaced).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  test("never loses or invents a voice", () => {
    const commands = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant("add" as const), id: fc.integer({ min: 0, max: 9 }) }),
        fc.record({ kind: fc.constant("remove" as const), id: fc.integer({ min: 0, max: 9 }) }),
        fc.record({ kind: fc.constant("look" as const), id: fc.integer({ min: 0, max: 9 }) }),
      ),
    );
    fc.assert(
      fc.property(commands, (list) => {
        const ranking = new SpeakerRanking<number>(2);
        const present = new Set<number>();
        let nowUs = 0;
        for (const { kind, id } of list) {
          if (kind === "add") ranking.add(id);
          if (kind === "add") present.add(id);
          if (kind === "remove") ranking.remove(id);
          if (kind === "remove") present.delete(id);
          if (kind === "look") ranking.look((one) => (one === id ? 100 : 0), (nowUs += 300_000));
          expect(new Set(ranking.ranked)).toEqual(present);
          expect(ranking.ranked).toHaveLength(present.size);
          expect(ranking.speaking.every((one) => present.has(one))).toBe(true);
        }
      }),
    );
  });
});
