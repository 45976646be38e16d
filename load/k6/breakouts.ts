/** Many small rooms at once, in each of which everybody speaks and sees all others. */
import { createBots } from "./lib/bots.ts";
import { isBeyond, paced, runOf, steadyThresholds, turn } from "./lib/scenario.ts";
import { count, HOLD_SECONDS, ROOM, VIDEO_BPS } from "./lib/settings.ts";

export { collect } from "./lib/collector.ts";

const PEOPLE = count("CATION_VIEWERS", 40);
const ROOM_SIZE = count("CATION_ROOM_SIZE", 4);
const ROOMS = Math.ceil(PEOPLE / ROOM_SIZE);
const JOINS_PER_SECOND = count("CATION_JOINS_PER_SECOND", 10);

export const options = runOf(
  { people: paced("enter", PEOPLE, JOINS_PER_SECOND, 0) },
  PEOPLE / JOINS_PER_SECOND + HOLD_SECONDS,
  {
    ...steadyThresholds("people", PEOPLE),
    // The first of each room waits for the second.
    "bot_first_frame_ms{group:people}": ["med<=1000"],
  },
);

export function enter(): void {
  if (isBeyond(PEOPLE)) return;
  const publish = { audio: true, video: { bitrateBps: VIDEO_BPS, simulcast: false } };
  // Room by room, so that the second comes soon after the first.
  const room = `${ROOM}-${Math.floor(turn() / ROOM_SIZE) % ROOMS}`;
  createBots({ count: 1, room, identity: "person", group: "people", publish }, turn());
}
