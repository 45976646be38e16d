import { parseArgs } from "node:util";
import { Bot } from "./bot.ts";
import type { BotReport } from "./bot.ts";
import { createBotShared } from "./bot-shared.ts";
import { joinBySignal } from "./join-by-signal.ts";

const TICK_MS = 10;
const HELP = `Bots for cation: clients without a screen.

  node load/bots/main.ts --url ws://127.0.0.1:8080 --room demo --bots 7 --publish audio,video

  --url        signal node (ws, wss, http or https)
  --room       room to join
  --bots       how many, default 1
  --publish    audio, video, or both with a comma; default none
  --token      token for all of them; default: minted by signal in development mode
  --identity   identities are this and a number, default "bot"
  --node       node to be placed on, where the cluster lets clients choose
  --seconds    leave after so long; default: stay until interrupted
  --interval   milliseconds between joins, default 50
  --json       print the reports as one line of JSON at the end
`;

/** Command line of the bots: joins, plays and counts until told to stop, then prints what each of them saw. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: "string", default: "ws://127.0.0.1:8080" },
      room: { type: "string", default: "demo" },
      bots: { type: "string", default: "1" },
      publish: { type: "string", default: "" },
      token: { type: "string" },
      identity: { type: "string", default: "bot" },
      node: { type: "string", default: "" },
      seconds: { type: "string" },
      interval: { type: "string", default: "50" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const kinds = values.publish.split(",");
  const publish = { audio: kinds.includes("audio"), video: kinds.includes("video") };
  const shared = createBotShared();
  const bots: Bot[] = [];
  const ticker = setInterval(() => bots.forEach((bot) => bot.tick()), TICK_MS);
  for (let i = 1; i <= Number(values.bots); i++) {
    const identity = `${values.identity}-${i}`;
    const { url, room, token, node } = values;
    const place = { urls: [url], room, identity, nodeId: node, token, autoSubscribe: true };
    const bot = new Bot(shared, {
      publish,
      connect: (handler) => joinBySignal(place, shared.clock, shared.random, handler),
    });
    bots.push(bot);
    await bot.start().catch((error: unknown) => process.stderr.write(`${identity}: ${String(error)}\n`));
    await new Promise((resolve) => setTimeout(resolve, Number(values.interval)));
  }
  await untilStopped(values.seconds === undefined ? undefined : Number(values.seconds));
  const reports = bots.map((bot) => bot.report());
  clearInterval(ticker);
  await Promise.all(bots.map((bot) => bot.leave()));
  process.stdout.write(values.json ? `${JSON.stringify(reports)}\n` : reports.map(describe).join(""));
}

function untilStopped(seconds: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
    if (seconds !== undefined) setTimeout(resolve, seconds * 1_000);
  });
}

function describe(report: BotReport): string {
  const { participantId, nodeId, joinMs, firstFrameMs, received, errors, ended } = report;
  const picture = firstFrameMs === undefined ? "no picture" : `first picture after ${firstFrameMs.toFixed(0)} ms`;
  const joined = `joined in ${joinMs.toFixed(0)} ms, ${picture}, ${received.length} tracks received`;
  const lines = [`${participantId} on ${nodeId}: ${joined}`];
  for (const track of received) {
    const rate = `${(track.bitrateBps / 1_000).toFixed(0)} kb/s`;
    const frames = `${track.decodableFrames} frames (${track.keyframes} keyframes, ${track.interruptions} interruptions)`;
    const loss = `${track.lostPackets} lost, longest gap ${track.longestGapMs.toFixed(0)} ms`;
    lines.push(`  ${track.kind} ${track.trackId}: ${track.packets} packets, ${rate}, ${frames}, ${loss}`);
  }
  for (const error of errors) lines.push(`  error: ${error}`);
  if (ended !== undefined) lines.push(`  ended: ${ended}`);
  return `${lines.join("\n")}\n`;
}

await main();
