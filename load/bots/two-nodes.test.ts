import { Grants, TrackSource } from "@cation/proto/common/v1/common";
import { systemClock } from "@cation/service-kit/clock";
import type { TestCluster as Cluster } from "@cation/sfu/testing/test-cluster";
import { TestCluster } from "@cation/sfu/testing/test-cluster";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bot } from "./bot.ts";
import type { BotShared } from "./bot.ts";
import { BotMedia } from "./bot-media.ts";
import { createBotCertificate } from "./certificate.ts";
import { openSessionLink } from "./session-link.ts";

const shared: BotShared = {
  clock: systemClock,
  random: Math.random,
  certificate: createBotCertificate(Date.now()),
  media: new BotMedia(),
};
const ALL = Grants.fromPartial({
  publish: [TrackSource.CAMERA, TrackSource.MICROPHONE, TrackSource.SCREEN, TrackSource.SCREEN_AUDIO],
  subscribe: true,
  administer: true,
});

let cluster: Cluster;
let bots: Bot[];
let ticker: NodeJS.Timeout;

beforeEach(async () => {
  cluster = await TestCluster.start(["a", "b"]);
  bots = [];
  ticker = setInterval(() => bots.forEach((bot) => bot.tick()), 10);
});

afterEach(async () => {
  clearInterval(ticker);
  await Promise.all(bots.map((bot) => bot.vanish()));
  await cluster.close();
});

/** A bot that enters by islb and an sfu, as signal would bring it in. */
async function join(nodeId: string, publish = { audio: true, video: true }, roomId = "room"): Promise<Bot> {
  const identity = `bot-${bots.length + 1}`;
  const bot = new Bot(shared, {
    publish,
    connect: async (handler) => {
      const request = { roomId, identity, name: "", metadata: "", region: "", nodeId, maxParticipants: 0 };
      const { participant, room } = await cluster.islb.join({ ...request, grants: ALL });
      const start = { $case: "open", value: { participant, room, autoSubscribe: true } } as const;
      return openSessionLink(cluster.clientOf(nodeId), start, systemClock, handler);
    },
  });
  bots.push(bot);
  await bot.start();
  return bot;
}

async function until(what: string, condition: () => boolean | Promise<boolean>, deadlineMs = 10_000): Promise<void> {
  const startedAtMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedAtMs > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const frames = (bot: Bot, count: number): boolean => {
  const { received } = bot.report();
  return received.length > 0 && received.every(({ decodableFrames }) => decodableFrames >= count);
};
const inspect = (nodeId: string) => cluster.clientOf(nodeId).inspect({ roomId: "" });

describe("two sfu nodes and bots", () => {
  it("carry audio and video both ways, over one relay each way", async () => {
    const anna = await join("a");
    const ben = await join("b");
    await until("both receive both tracks", () => [anna, ben].every((bot) => bot.report().received.length === 2));
    await until("both decode", () => frames(anna, 30) && frames(ben, 30));
    for (const bot of [anna, ben]) {
      const { received, errors, ended } = bot.report();
      expect(errors).toEqual([]);
      expect(ended).toBeUndefined();
      expect(received.map(({ kind }) => kind).sort()).toEqual(["audio", "video"]);
      expect(received.every(({ interruptions, lostPackets }) => interruptions === 0 && lostPackets === 0)).toBe(true);
    }
    const held = await inspect("b");
    expect(held.relays.filter(({ direction }) => direction === "in")).toHaveLength(2);
    expect(held.relays.filter(({ direction }) => direction === "out")).toHaveLength(2);
  });
});
