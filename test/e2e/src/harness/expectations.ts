import { expect } from "vitest";
import type { Guest } from "./guest.ts";
import type { NodeInspector } from "./node-inspector.ts";
import { type PageMeasurement, type SoundMeasurement, type TileMeasurement, measurePage } from "./page-probe.ts";

/** Chromium's fake camera makes 20 frames a second. */
export const MIN_FPS = 15;
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

/** The picture moves, fluently, at the size at which it is sent. */
export function expectFluent(tile: TileMeasurement | undefined, size: { width: number; height: number }): void {
  expect(tile).toMatchObject(size);
  expect(tile?.decodedFps).toBeGreaterThanOrEqual(MIN_FPS);
  expect(tile?.changes).toBeGreaterThanOrEqual(Math.floor((tile?.looks ?? 0) * 0.9));
}

/** The picture moves. */
export function expectMoving(tile: TileMeasurement): void {
  expect(tile.decodedFps, tile.name).toBeGreaterThan(0);
  expect(tile.changes, tile.name).toBeGreaterThanOrEqual(3);
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
