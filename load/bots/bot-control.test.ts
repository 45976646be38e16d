import { createEmbedded } from "@cation/embedded/create-embedded";
import type { Embedded } from "@cation/embedded/create-embedded";
import { loadIslbConfig } from "@cation/islb/islb-config";
import { systemClock } from "@cation/service-kit/clock";
import { createLogger } from "@cation/service-kit/logger";
import { loadSfuConfig } from "@cation/sfu/sfu-config";
import { loadSignalConfig } from "@cation/signal/signal-config";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createBotControl } from "./bot-control.ts";
import { BotFleet } from "./bot-fleet.ts";
import { createBotShared } from "./bot-shared.ts";
import { until } from "./bot-test-kit.ts";
import { ProcessHealthWatch } from "./process-health-watch.ts";
import type { ProcessHealth } from "./process-health.ts";
import type { Sample, SamplePage } from "./sample-log.ts";

let embedded: Embedded;
let control: FastifyInstance;
const fleet = new BotFleet(createBotShared());
const health = new ProcessHealthWatch();

beforeAll(async () => {
  embedded = await createEmbedded({
    signal: loadSignalConfig({
      CATION_SIGNAL_MODE: "development",
      CATION_SIGNAL_HTTP_HOST: "127.0.0.1",
      CATION_SIGNAL_HTTP_PORT: "0",
    }),
    islb: loadIslbConfig({}),
    sfu: loadSfuConfig({
      CATION_SFU_MODE: "development",
      CATION_SFU_MEDIA_HOST: "127.0.0.1",
      CATION_SFU_MEDIA_PORT: "0",
    }),
    clock: systemClock,
    random: Math.random,
    loggerFor: (service) => createLogger({ service, level: "silent" }),
  });
  await embedded.start();
  control = createBotControl(fleet, health);
});
afterAll(async () => {
  await control.close();
  await fleet.close();
  health.close();
  await embedded.close();
});

async function post(url: string, payload: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const { statusCode, body } = await control.inject({ method: "POST", url, payload });
  return { status: statusCode, body: JSON.parse(body) as Record<string, unknown> };
}

async function get<T>(url: string): Promise<T> {
  return JSON.parse((await control.inject(url)).body) as T;
}

const seen: Sample[] = [];
let cursor = 0;
async function read(): Promise<void> {
  const page = await get<SamplePage>(`/samples?after=${cursor}`);
  expect(page.lost).toBe(0);
  cursor = page.cursor;
  seen.push(...page.samples);
}
const of = (kind: Sample["kind"], group: string): Sample[] =>
  seen.filter((sample) => sample.kind === kind && sample.group === group);

it("makes bots, tells what they see, and takes them away", async () => {
  const place = { room: "blue", urls: [`http://127.0.0.1:${embedded.port}`] };
  const publish = { audio: true, video: { bitrateBps: 300_000, simulcast: false } };
  const teacher = await post("/bots", { ...place, count: 1, identity: "teacher", group: "teacher", publish });
  expect(teacher).toEqual({ status: 202, body: { ids: [1] } });
  await post("/bots", { ...place, count: 5, identity: "pupil", group: "pupils", spreadMs: 200 });
  await until("everybody has seen a picture, and reported twice", async () => {
    await read();
    return of("firstFrame", "pupils").length === 5 && of("media", "pupils").length >= 10;
  });
  expect(of("join", "pupils")).toHaveLength(5);
  expect(of("connected", "pupils")).toHaveLength(5);
  for (const sample of of("media", "pupils").slice(-5)) {
    if (sample.kind !== "media") continue;
    expect(sample.video).toMatchObject({ tracks: 1, lost: 0 });
    expect(sample.video?.bitrateBps).toBeGreaterThan(200_000);
    expect(sample.video?.bitrateBps).toBeLessThan(450_000);
    expect(sample.video?.latency?.p50Ms).toBeGreaterThan(0);
    expect(Object.keys(sample.video?.bitrateByHeight ?? {})).toEqual(["180"]);
    expect(sample.audio?.frames).toBeGreaterThan(50);
  }
  const sent = of("sent", "teacher").at(-1);
  expect(sent?.kind === "sent" && Object.keys(sent.bitrateBps)).toEqual(["audio", "video"]);

  const nowMs = Date.now();
  const { gaps } = await get<{ gaps: { longestMs: number; kind: string; source: string }[] }>(
    `/gaps?fromMs=${nowMs - 1_000}&toMs=${nowMs}&group=pupils`,
  );
  expect(gaps).toHaveLength(10);
  expect(gaps.every(({ source }) => source.startsWith("teacher-1/"))).toBe(true);
  expect(Math.max(...gaps.map(({ longestMs }) => longestMs))).toBeLessThan(1_000);

  expect(await get<ProcessHealth>("/health")).toMatchObject({ status: "ok", bots: 6, pid: process.pid });
  expect((await post("/bots/remove", { group: "pupils", count: 2 })).body).toEqual({ removed: 2 });
  expect((await post("/bots/remove", { how: "vanish" })).body).toEqual({ removed: 4 });
  expect(await get<ProcessHealth>("/health")).toMatchObject({ bots: 0 });
});

it("shows so many pictures as there are tiles", async () => {
  const place = { room: "class", urls: [`http://127.0.0.1:${embedded.port}`] };
  const publish = { audio: true, video: true };
  await post("/bots", { ...place, count: 4, identity: "p", group: "class", publish, tiles: 2 });
  await until("all have seen pictures of two and heard three", async () => {
    await read();
    const last = new Map(of("media", "class").map((sample) => [sample.bot, sample]));
    return (
      last.size === 4 &&
      [...last.values()].every(
        (sample) => sample.kind === "media" && sample.video?.tracks === 2 && sample.audio?.tracks === 3,
      )
    );
  });
  await post("/bots/remove", {});
});

it("reports a refused join with its code, and refuses what it does not understand", async () => {
  const place = { room: "blue", urls: [`http://127.0.0.1:${embedded.port}`], tokens: ["nonsense"] };
  await post("/bots", { ...place, count: 1, identity: "x", group: "refused" });
  await until("it is refused", async () => {
    await read();
    return of("joinFailed", "refused").length === 1;
  });
  expect(of("joinFailed", "refused")[0]).toMatchObject({ code: expect.stringMatching(/^TOKEN_/) as string });
  const bad = await post("/bots", { ...place, count: 0, identity: "x" });
  expect(bad).toMatchObject({ status: 400, body: { code: "MESSAGE_MALFORMED" } });
  expect(bad.body.message).toContain("count");
});
