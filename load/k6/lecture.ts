/** One speaks, N watch: they come at a steady pace, and stay. */
import { createBots } from "./lib/bots.ts";
import { lastLookThresholds } from "./lib/last-look.ts";
import { isBeyond, once, paced, PUBLISHERS_FIRST_SECONDS, runOf, steadyThresholds, turn } from "./lib/scenario.ts";
import { count, HOLD_SECONDS, ROOM, VIDEO_BPS } from "./lib/settings.ts";

export { collect } from "./lib/collector.ts";
export { lastLook } from "./lib/last-look.ts";

const VIEWERS = count("CATION_VIEWERS", 100);
const JOINS_PER_SECOND = count("CATION_JOINS_PER_SECOND", 25);
const SIMULCAST = count("CATION_SIMULCAST", 0) === 1;
const SECONDS = PUBLISHERS_FIRST_SECONDS + VIEWERS / JOINS_PER_SECOND + HOLD_SECONDS;

export const options = runOf(
  {
    speaker: once("speak"),
    viewers: paced("watch", VIEWERS, JOINS_PER_SECOND, PUBLISHERS_FIRST_SECONDS),
    end: once("lastLook", SECONDS),
  },
  SECONDS,
  { ...steadyThresholds("viewers", VIEWERS), ...lastLookThresholds(VIEWERS) },
);

export function speak(): void {
  const publish = { audio: true, video: { bitrateBps: VIDEO_BPS, simulcast: SIMULCAST } };
  createBots({ count: 1, room: ROOM, identity: "speaker", group: "speakers", publish }, 0);
}

export function watch(): void {
  if (isBeyond(VIEWERS)) return;
  createBots({ count: 1, room: ROOM, identity: "viewer", group: "viewers" }, turn());
}
