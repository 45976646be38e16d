/** The bell rings: all come at once, most lose their connection at once, and all come back at once. */
import { createBots, removeBots } from "./lib/bots.ts";
import { isBeyond, once, paced, PUBLISHERS_FIRST_SECONDS, runOf, turn } from "./lib/scenario.ts";
import { count, HOLD_SECONDS, ROOM, VIDEO_BPS } from "./lib/settings.ts";

export { collect } from "./lib/collector.ts";

const VIEWERS = count("CATION_VIEWERS", 100);
const JOINS_PER_SECOND = count("CATION_JOINS_PER_SECOND", 100);
const WAVE_SECONDS = Math.ceil(VIEWERS / JOINS_PER_SECOND + HOLD_SECONDS / 2);
const SECOND_WAVE_SECONDS = PUBLISHERS_FIRST_SECONDS + WAVE_SECONDS;

export const options = runOf(
  {
    speaker: once("speak"),
    first: paced("watch", VIEWERS, JOINS_PER_SECOND, PUBLISHERS_FIRST_SECONDS),
    loss: once("vanish", SECOND_WAVE_SECONDS),
    second: paced("watch", VIEWERS, JOINS_PER_SECOND, SECOND_WAVE_SECONDS + 1),
  },
  SECOND_WAVE_SECONDS + WAVE_SECONDS,
  {
    "bot_join_ms{group:viewers}": ["p(95)<=3000"],
    "bot_first_frame_ms{group:viewers}": ["p(95)<=1000"],
    "bot_joins{group:viewers}": [`count==${2 * VIEWERS}`],
    "bot_first_frames{group:viewers}": [`count==${2 * VIEWERS}`],
    bot_join_failures: ["count==0"],
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

export function vanish(): void {
  removeBots({ group: "viewers" }, "vanish");
}
