import http from "k6/http";
import { Counter } from "k6/metrics";
import type { SourceGap } from "../../bots/source-gap.ts";
import { BOT_URLS } from "./settings.ts";

const WINDOW_MS = 3_000;

/** Pictures of the audience that moved in the last seconds of a run, and those that did not. */
const moving = new Counter("pictures_moving");
const standing = new Counter("pictures_standing");

/** Asks every bot of the audience, at the end, whether it still sees what it saw. */
export function lastLook(): void {
  const toMs = Date.now();
  for (const url of BOT_URLS) {
    const window = `fromMs=${toMs - WINDOW_MS}&toMs=${toMs}&group=viewers`;
    const response = http.get(`${url}/gaps?${window}`, { tags: { name: "gaps" } });
    for (const { kind, frames } of (response.json() as unknown as { gaps: SourceGap[] }).gaps) {
      if (kind === "video") (frames > 0 ? moving : standing).add(1);
    }
  }
}

/** What must hold of it. */
export function lastLookThresholds(viewers: number): Record<string, string[]> {
  return { pictures_moving: [`count==${viewers}`], pictures_standing: ["count==0"] };
}
