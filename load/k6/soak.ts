/** A lecture that goes on and on, viewers coming and going: what leaks shows in the nodes' memory (see the report). */
import { createBots, removeBots } from "./lib/bots.ts";
import { isBeyond, once, paced, PUBLISHERS_FIRST_SECONDS, runOf, turn } from "./lib/scenario.ts";
import { count, HOLD_SECONDS, ROOM, VIDEO_BPS } from "./lib/settings.ts";

export { collect } from "./lib/collector.ts";

const VIEWERS = count("CATION_VIEWERS", 100);
const JOINS_PER_SECOND = count("CATION_JOINS_PER_SECOND", 10);
/** Each second so many leave and as many come. */
const CHURN_PER_SECOND = count("CATION_CHURN_PER_SECOND", 1);
const FULL_AFTER_SECONDS = Math.ceil(PUBLISHERS_FIRST_SECONDS + VIEWERS / JOINS_PER_SECOND);
const COMERS = Math.floor(CHURN_PER_SECOND * HOLD_SECONDS);

export const options = runOf(
  {
    speaker: once("speak"),
    viewers: paced("watch", VIEWERS, JOINS_PER_SECOND, PUBLISHERS_FIRST_SECONDS),
    churn: paced("relieve", COMERS, CHURN_PER_SECOND, FULL_AFTER_SECONDS),
  },
  FULL_AFTER_SECONDS + HOLD_SECONDS,
  {
    "bot_join_ms{group:viewers}": ["p(95)<=3000"],
    "bot_first_frame_ms{group:viewers}": ["p(95)<=1000"],
    "bot_joins{group:viewers}": [`count==${VIEWERS + COMERS}`],
    bot_join_failures: ["count==0"],
    media_loss_percent: ["value<0.1"],
    media_freezes: ["count==0"],
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

export function relieve(): void {
  if (isBeyond(COMERS)) return;
  removeBots({ group: "viewers", count: 1 }, "leave");
  createBots({ count: 1, room: ROOM, identity: "comer", group: "viewers" }, turn());
}
