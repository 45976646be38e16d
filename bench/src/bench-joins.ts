import { loadNativeAddon } from "@cation/media-io/native-addon";
import type { BenchChild } from "./bench-child.ts";
import type { JoinsClientAnswer } from "./joins-client.ts";
import type { JoinsServerReady, JoinsServerUse } from "./joins-server.ts";
import { sleep } from "./native.ts";
import { progress, type BenchOptions } from "./options.ts";
import { askBots, SfuStage, type BotsChild } from "./sfu-stage.ts";
import { median, round } from "./statistics.ts";

/** Joins of one storm: enough that what the compiler does at first no longer counts. */
const STORM_JOINS = 200;
const WARM_UP_JOINS = 150;
const AT_ONCE = 8;
/** Viewers of audio and video while the delay is measured. */
const VIEWERS = 20;
const JOINS_PER_SECOND = 50;
const SETTLE_MS = 500;
const TICK_MS = 10;

export interface JoinsResult {
  name: "joins";
  backend: string;
  dtlsBackend: string;
  /** As many as the clients of one core managed, with 8 under way. */
  joinsPerSecond: number;
  /** CPU (user and system) of the sfu from the first word of a viewer until it has left again: SDP, ICE, DTLS. */
  serverCpuMsPerJoin: number;
  clientCpuMsPerJoin: number;
  /** Of packets forwarded to 20 viewers: from arrival to the kernel. */
  forwardP50Us: number;
  forwardP99Us: number;
  /** While viewers join and leave. */
  forwardP50DuringJoinsUs: number;
  forwardP99DuringJoinsUs: number;
  /** How many a second these were: 50, unless the clients could not. */
  joinsPerSecondDuring: number;
  failedJoins: number;
}

/** Joins of viewers, with each DTLS backend that there is. */
export async function benchJoins(options: BenchOptions): Promise<JoinsResult[]> {
  const results: JoinsResult[] = [];
  const hasAddon = loadNativeAddon().addon !== undefined;
  for (const dtlsBackend of hasAddon ? (["openssl", "werift"] as const) : (["werift"] as const))
    results.push(await benchBackend(dtlsBackend, options));
  return results;
}

async function benchBackend(dtlsBackend: "openssl" | "werift", options: BenchOptions): Promise<JoinsResult> {
  const stage = await SfuStage.open({ backend: options.backend, dtlsBackend });
  try {
    const staying = await stage.addBots({ tickMs: TICK_MS });
    const joining = await stage.addBots({ tickMs: TICK_MS });
    return await measure(stage.server, staying, joining, options);
  } finally {
    await stage.close();
  }
}

async function measure(
  server: BenchChild<JoinsServerReady>,
  staying: BotsChild,
  joining: BotsChild,
  options: BenchOptions,
): Promise<JoinsResult> {
  const { backend, dtlsBackend } = server.ready;
  await askBots(staying, { kind: "stay", viewers: 0 });
  await askBots(joining, { kind: "storm", joins: WARM_UP_JOINS, atOnce: AT_ONCE });
  const storms: Storm[] = [];
  for (let run = 0; run < options.runs; run++) {
    progress(`joins, ${dtlsBackend}: storm ${run + 1} of ${options.runs}`);
    storms.push(await measureStorm(server, joining));
  }
  await askBots(staying, { kind: "stay", viewers: VIEWERS });
  const quiet: JoinsServerUse[] = [];
  const busy: JoinsServerUse[] = [];
  const streams: JoinsClientAnswer[] = [];
  for (let run = 0; run < options.runs; run++) {
    progress(`joins, ${dtlsBackend}: delay ${run + 1} of ${options.runs}`);
    quiet.push(await measureDelay(server, () => sleep(options.seconds * 1_000)));
    const stream = { kind: "stream", perSecond: JOINS_PER_SECOND, seconds: options.seconds } as const;
    busy.push(await measureDelay(server, async () => void streams.push(await askBots(joining, stream))));
  }
  return {
    name: "joins",
    backend,
    dtlsBackend,
    joinsPerSecond: round(median(storms.map((storm) => storm.joinsPerSecond)), 1),
    serverCpuMsPerJoin: round(median(storms.map((storm) => storm.serverCpuMs))),
    clientCpuMsPerJoin: round(median(storms.map((storm) => storm.clientCpuMs))),
    forwardP50Us: median(quiet.map(({ delayP50Us }) => delayP50Us)),
    forwardP99Us: median(quiet.map(({ delayP99Us }) => delayP99Us)),
    forwardP50DuringJoinsUs: median(busy.map(({ delayP50Us }) => delayP50Us)),
    forwardP99DuringJoinsUs: median(busy.map(({ delayP99Us }) => delayP99Us)),
    joinsPerSecondDuring: round(median(streams.map(({ joins, elapsedMs }) => (joins * 1_000) / elapsedMs)), 1),
    failedJoins: [...storms, ...streams].reduce((sum, { failed }) => sum + failed, 0),
  };
}

interface Storm {
  joinsPerSecond: number;
  serverCpuMs: number;
  clientCpuMs: number;
  failed: number;
}

async function measureStorm(server: BenchChild<JoinsServerReady>, joining: BotsChild): Promise<Storm> {
  await sleep(SETTLE_MS);
  await server.ask({});
  // What the sfu uses by itself, for the publisher that sends to nobody.
  await sleep(SETTLE_MS);
  const idle = await server.ask<JoinsServerUse>({});
  const answer = await askBots(joining, { kind: "storm", joins: STORM_JOINS, atOnce: AT_ONCE });
  const use = await server.ask<JoinsServerUse>({});
  const ownCpuUs = (idle.cpuUs / idle.elapsedMs) * use.elapsedMs;
  return {
    joinsPerSecond: (answer.joins * 1_000) / answer.elapsedMs,
    serverCpuMs: (use.cpuUs - ownCpuUs) / 1_000 / answer.joins,
    clientCpuMs: answer.cpuUs / 1_000 / answer.joins,
    failed: answer.failed,
  };
}

async function measureDelay(
  server: BenchChild<JoinsServerReady>,
  during: () => Promise<void>,
): Promise<JoinsServerUse> {
  await sleep(SETTLE_MS);
  await server.ask({});
  await during();
  return server.ask({});
}
