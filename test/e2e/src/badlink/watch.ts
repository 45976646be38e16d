import type { Page } from "playwright-core";
import type { ReceivedMedia } from "../page/measurements.ts";

const LOOK_MS = 100;
/** What happens at first is getting used to the link. */
const SKIPPED_MS = 10_000;
/** More than this share of a stretch made up counts as a gap in the sound. */
const CONCEALED = 0.8;

/** How somebody saw and heard somebody else, from 10 s on. */
export interface Watched {
  readonly freezes: number;
  readonly longestFreezeMs: number;
  readonly frozenMs: number;
  readonly fps: number;
  /** Height of the picture for most of the time, and at the end. */
  readonly height: number;
  readonly lastHeight: number;
  readonly longestAudioGapMs: number;
  /** Since the last step, until the picture was as high as before the first; -1 where nothing changed, or it never was. */
  readonly recoveryMs: number;
}

/** Watches a page for a while; `steps` are done at their times. */
export async function watch(
  page: Page,
  durationMs: number,
  steps: readonly { readonly atMs: number; readonly run: () => void }[],
): Promise<Watched> {
  const startedAt = performance.now();
  const waiting = [...steps];
  const heights: number[] = [];
  let before = await read(page);
  let beforeAt = startedAt;
  let frameAt = startedAt;
  let gapAt = startedAt;
  let frames = 0;
  const measured = { freezes: 0, longestFreezeMs: 0, frozenMs: 0, longestAudioGapMs: 0 };
  let heightBefore = -1;
  let recoveredAfter = -1;
  for (let now = startedAt; now - startedAt < durationMs; now = performance.now()) {
    const step = waiting[0];
    if (step !== undefined && now - startedAt >= step.atMs) {
      if (heightBefore < 0) heightBefore = before.height;
      step.run();
      waiting.shift();
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const media = await read(page);
    const at = performance.now();
    const counts = at - startedAt > SKIPPED_MS;
    if (media.framesDecoded > before.framesDecoded) {
      const pause = at - frameAt;
      if (counts && pause > 500) {
        measured.freezes += 1;
        measured.frozenMs += pause;
      }
      if (counts) frames += media.framesDecoded - before.framesDecoded;
      frameAt = at;
    }
    const samples = media.totalSamples - before.totalSamples;
    const concealed = media.concealedSamples - before.concealedSamples;
    if (samples > 0 && concealed < CONCEALED * samples) gapAt = at;
    if (counts) {
      measured.longestFreezeMs = Math.max(measured.longestFreezeMs, at - frameAt);
      if (samples > 0) measured.longestAudioGapMs = Math.max(measured.longestAudioGapMs, at - gapAt - (at - beforeAt));
      heights.push(media.height);
    }
    if (waiting.length === 0 && steps.length > 0 && recoveredAfter < 0 && media.height >= heightBefore) {
      const last = steps[steps.length - 1];
      if (last !== undefined && media.framesDecoded > before.framesDecoded) recoveredAfter = at - startedAt - last.atMs;
    }
    before = media;
    beforeAt = at;
  }
  return {
    ...measured,
    longestFreezeMs: Math.round(measured.longestFreezeMs),
    frozenMs: Math.round(measured.frozenMs),
    longestAudioGapMs: Math.max(0, Math.round(measured.longestAudioGapMs)),
    fps: Math.round((frames * 10_000) / (durationMs - SKIPPED_MS)) / 10,
    height: heights.toSorted((a, b) => a - b)[Math.floor(heights.length / 2)] ?? 0,
    lastHeight: heights.at(-1) ?? 0,
    recoveryMs: Math.round(recoveredAfter),
  };
}

function read(page: Page): Promise<ReceivedMedia> {
  return page.evaluate<ReceivedMedia>("probe.received()");
}
