/**
 * A lecture during which whoever runs the cluster restarts its nodes one after the other (`npm run load` does it on its
 * own). Everybody has to be there at the end, and nobody without a picture for long.
 */
import { createBots } from "./lib/bots.ts";
import { lastLookThresholds } from "./lib/last-look.ts";
import { isBeyond, joinThresholds, once, paced, PUBLISHERS_FIRST_SECONDS, runOf, turn } from "./lib/scenario.ts";
import { count, HOLD_SECONDS, ROOM, VIDEO_BPS } from "./lib/settings.ts";

export { collect } from "./lib/collector.ts";
export { lastLook } from "./lib/last-look.ts";

const VIEWERS = count("CATION_VIEWERS", 50);
const JOINS_PER_SECOND = count("CATION_JOINS_PER_SECOND", 25);
const SECONDS = PUBLISHERS_FIRST_SECONDS + VIEWERS / JOINS_PER_SECOND + HOLD_SECONDS;

export const options = runOf(
  {
    speaker: once("speak"),
    viewers: paced("watch", VIEWERS, JOINS_PER_SECOND, PUBLISHERS_FIRST_SECONDS),
    end: once("lastLook", SECONDS),
  },
  SECONDS,
  {
    ...joinThresholds("viewers", VIEWERS),
    ...lastLookThresholds(VIEWERS),
    bot_ends: ["count==0"],
    media_loss_percent: ["value<0.5"],
    // No more than two seconds of standing picture for each viewer and node.
    media_freeze_ms: [`count<=${VIEWERS * 2 * 2_000}`],
  },
);

export function speak(): void {
  const publish = { audio: true, video: { bitrateBps: VIDEO_BPS, simulcast: false } };
  createBots({ count: 1, room: ROOM, identity: "speaker", group: "speakers", publish }, 0);
}

export function watch(): void {
  if (isBeyond(VIEWERS)) return;
  createBots({ count: 1, room: ROOM, identity: "viewer", group: "viewers" }, turn());
}
