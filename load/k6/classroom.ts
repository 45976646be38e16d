/** Everybody has the camera on in simulcast, hears all and sees six. */
import { createBots } from "./lib/bots.ts";
import { isBeyond, paced, runOf, steadyThresholds, turn } from "./lib/scenario.ts";
import { count, HOLD_SECONDS, ROOM, VIDEO_BPS } from "./lib/settings.ts";

export { collect } from "./lib/collector.ts";

const PUPILS = count("CATION_VIEWERS", 30);
const TILES = count("CATION_TILES", 6);
const JOINS_PER_SECOND = count("CATION_JOINS_PER_SECOND", 5);

export const options = runOf(
  { pupils: paced("enter", PUPILS, JOINS_PER_SECOND, 0) },
  PUPILS / JOINS_PER_SECOND + HOLD_SECONDS,
  {
    ...steadyThresholds("pupils", PUPILS),
    // The first to come waits for the second.
    "bot_first_frame_ms{group:pupils}": ["med<=1000"],
  },
);

export function enter(): void {
  if (isBeyond(PUPILS)) return;
  const publish = { audio: true, video: { bitrateBps: VIDEO_BPS, simulcast: true } };
  createBots({ count: 1, room: ROOM, identity: "pupil", group: "pupils", publish, tiles: TILES }, turn());
}
