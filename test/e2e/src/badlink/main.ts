/** `npm run badlink`: real Chromium behind a UDP relay that runs the simulator's link model in real time. */
import { argv, exit } from "node:process";
import { parseArgs } from "node:util";
import { TestBrowser } from "../harness/browser.ts";
import { TestEmbedded } from "../harness/embedded.ts";
import { Guest } from "../harness/guest.ts";
import { RelayProcess } from "./relay-process.ts";
import { BADLINK_SCENARIOS } from "./scenarios.ts";
import type { BadlinkBounds, BadlinkScenario } from "./scenarios.ts";
import { watch } from "./watch.ts";
import type { Watched } from "./watch.ts";

/** The media port listens on one loopback address, the relay, which is announced, on another one. */
const MEDIA_HOST = "127.0.0.1";
const RELAY_HOST = "127.0.0.2";

interface BadlinkResult extends Watched {
  readonly scenario: string;
  readonly seed: number;
  readonly bounds: BadlinkBounds;
  readonly ok: boolean;
}

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    json: { type: "boolean", default: false },
    scenario: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const scenarios = BADLINK_SCENARIOS.filter(
  ({ name }) => values.scenario === undefined || name.startsWith(values.scenario),
);
if (scenarios.length === 0) {
  console.error(
    `npm run badlink -- [--json] [--seed N] [--scenario ${BADLINK_SCENARIOS.map(({ name }) => name).join("|")}]`,
  );
  exit(2);
}

const seed = Number(values.seed);
const server = await TestEmbedded.start({ mediaHost: MEDIA_HOST, announced: RELAY_HOST });
const relay = await RelayProcess.start({
  host: RELAY_HOST,
  port: server.mediaPort,
  targetHost: MEDIA_HOST,
  targetPort: server.mediaPort,
  seed,
});
const browser = await TestBrowser.launch();
const results: BadlinkResult[] = [];
try {
  for (const scenario of scenarios) {
    const result = await run(scenario);
    results.push(result);
    console.log(`${result.ok ? "ok  " : "MISS"} ${describe(result)}`);
    await browser.closePages();
  }
} finally {
  await browser.close();
  await relay.stop();
  await server.stop();
}
if (values.json) console.log(JSON.stringify(results));
exit(results.every(({ ok }) => ok) ? 0 : 1);

async function run(scenario: BadlinkScenario): Promise<BadlinkResult> {
  const room = `badlink-${scenario.name}`;
  const groups = { sender: `${scenario.name}/sender`, viewer: `${scenario.name}/viewer` };
  const bad = scenario.direction === "up" ? groups.sender : groups.viewer;
  relay.configure(bad, scenario.direction, scenario.link);
  // The way back is as long, and carries everything.
  const back = scenario.direction === "up" ? "down" : "up";
  relay.configure(bad, back, { delayUs: scenario.link.delayUs ?? 0 });
  relay.setGroup(groups.sender);
  await Guest.join(browser, { url: server.url, room, name: "Sender" });
  relay.setGroup(groups.viewer);
  const viewer = await Guest.join(browser, { url: server.url, room, name: "Viewer", video: "180p" });
  const steps = scenario.steps.map(({ atMs, link }) => ({
    atMs,
    run: () => relay.configure(bad, scenario.direction, link),
  }));
  const watched = await watch(viewer.page, scenario.durationMs, steps);
  const result = { scenario: scenario.name, seed, ...watched, bounds: scenario.bounds };
  return { ...result, ok: brokenBounds(watched, scenario.bounds).length === 0 };
}

function brokenBounds(watched: Watched, bounds: BadlinkBounds): string[] {
  const broken: string[] = [];
  const { maxFreezeMs, maxAudioGapMs, minFps, maxHeight, maxRecoveryMs } = bounds;
  if (maxFreezeMs !== undefined && watched.longestFreezeMs > maxFreezeMs) broken.push("freeze");
  if (maxAudioGapMs !== undefined && watched.longestAudioGapMs > maxAudioGapMs) broken.push("audio gap");
  if (minFps !== undefined && watched.fps < minFps) broken.push("fps");
  if (maxHeight !== undefined && watched.height > maxHeight) broken.push("height");
  if (maxRecoveryMs !== undefined && (watched.recoveryMs < 0 || watched.recoveryMs > maxRecoveryMs))
    broken.push("recovery");
  return broken;
}

function describe(result: BadlinkResult): string {
  return [
    result.scenario.padEnd(14),
    `freezes ${result.freezes} (${result.frozenMs} ms, longest ${result.longestFreezeMs} ms)`,
    `${result.fps} frames/s`,
    `height ${result.height}, at the end ${result.lastHeight}`,
    `audio gap ${result.longestAudioGapMs} ms`,
    `recovery ${result.recoveryMs} ms`,
    brokenBounds(result, result.bounds).join(", "),
  ].join("  ");
}
