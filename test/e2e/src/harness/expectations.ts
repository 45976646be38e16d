import { expect } from "vitest";
import type { Guest } from "./guest.ts";
import type { NodeInspector } from "./node-inspector.ts";
import { measurePage, measureSent } from "./page-probe.ts";
import type { PageMeasurement, SentVideo, SoundMeasurement, TileMeasurement } from "../page/measurements.ts";

/** Chromium's fake camera makes 20 frames a second. */
const MIN_FPS = 15;
const MIN_TONE_DB = -70;
const MIN_TONE_ABOVE_REST_DB = 10;

/** Watches several pages at the same time. */
export function measureAll(guests: readonly Guest[], durationMs: number): Promise<PageMeasurement[]> {
  return Promise.all(guests.map((guest) => measurePage(guest.page, durationMs)));
}

/** Prints what was measured, so that a passing run also says how well it passed. */
export function report(what: string, value: unknown): void {
  console.log(`${what}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
}

/** How often a call is watched until it is fluent: the first seconds, and a busy machine, may cost frames. */
const ATTEMPTS = 3;

/**
 * Two guests see each other: the picture moves fluently, at the size at which it is sent, for `durationMs` without a
 * break. Returns what was measured, in the order of the guests.
 */
export async function expectFluentCall(
  guests: readonly [Guest, Guest],
  durationMs: number,
): Promise<PageMeasurement[]> {
  for (let attempt = 1; ; attempt += 1) {
    const seen = await measureAll(guests, durationMs);
    const sent = await Promise.all(guests.map((guest) => measureSent(guest.page)));
    if (attempt < ATTEMPTS && seen.some(({ tiles }) => (tiles[0]?.decodedFps ?? 0) < MIN_FPS)) {
      report("not fluent yet", seen);
      continue;
    }
    expectFluent(seen[0]?.tiles[0], sent[1]);
    expectFluent(seen[1]?.tiles[0], sent[0]);
    return seen;
  }
}

function expectFluent(tile: TileMeasurement | undefined, sent: SentVideo | undefined): void {
  expect(tile).toMatchObject({ width: sent?.width, height: sent?.height });
  expect(tile?.decodedFps).toBeGreaterThanOrEqual(MIN_FPS);
  expect(tile?.changes).toBeGreaterThanOrEqual(Math.floor((tile?.looks ?? 0) * 0.75));
}

/** Every picture moves, at whatever rate: watched again where a busy machine showed too little of it. */
export async function expectMoving(guests: readonly Guest[], durationMs: number): Promise<PageMeasurement[]> {
  for (let attempt = 1; ; attempt += 1) {
    const seen = await measureAll(guests, durationMs);
    for (const { tiles } of seen) expect(tiles).not.toEqual([]);
    const still = seen.flatMap(({ tiles }) => tiles).filter((tile) => !isMoving(tile));
    if (still.length === 0) return seen;
    report("not moving", still);
    expect(attempt, "attempts to see every picture move").toBeLessThan(ATTEMPTS);
  }
}

/** The first look counts as a change. */
function isMoving({ decodedFps, changes }: TileMeasurement): boolean {
  return decodedFps > 0 && changes >= 3;
}

/** The fake microphone's beep is heard, and not just noise. */
export function expectBeep(sound: SoundMeasurement | undefined): void {
  expect(sound?.toneDb).toBeGreaterThan(MIN_TONE_DB);
  expect(sound?.toneDb).toBeGreaterThan((sound?.besideToneDb ?? 0) + MIN_TONE_ABOVE_REST_DB);
}

/** Waits until a node holds nothing any more (of a room). Returns how long that took. */
export async function waitUntilEmpty(node: NodeInspector, roomId = "", timeoutMs = 5_000): Promise<number> {
  const startedAtMs = performance.now();
  await expect
    .poll(() => node.holdings(roomId), { timeout: timeoutMs, interval: 50 })
    .toEqual({ sessions: 0, transports: 0, producers: 0, consumers: 0, relays: 0 });
  return performance.now() - startedAtMs;
}
