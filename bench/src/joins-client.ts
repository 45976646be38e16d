/**
 * Child process: bots. Those that stay (a publisher and viewers, who make the sfu forward), or those that join, connect
 * and leave again, as many at once or as often as it is asked for.
 */
import { grpcClient } from "@cation/cluster/rpc/grpc-client";
import { Grants, TrackSource } from "@cation/proto/common/v1/common";
import { PeerConnectionRole, TransportState_State } from "@cation/proto/client/v1/client";
import { IslbServiceDefinition, type IslbService } from "@cation/proto/islb/v1/islb";
import { SfuServiceDefinition, type SfuService } from "@cation/proto/sfu/v1/sfu";
import { systemClock } from "@cation/service-kit/clock";
import { Bot } from "../../load/bots/bot.ts";
import { createBotShared } from "../../load/bots/bot-shared.ts";
import { openSessionLink } from "../../load/bots/session-link.ts";
import { readChildOptions, serveParent } from "./bench-child.ts";

export interface JoinsClientOptions {
  /** host:port of the islb and of the sfu. */
  readonly islb: string;
  readonly sfu: string;
  /** How often bots that stay look at what is due: frames are no more often. */
  readonly tickMs: number;
}

export type JoinsClientQuestion =
  /** Bots come and stay: so many viewers, and a publisher where there is none yet. */
  | { readonly kind: "stay"; readonly viewers: number }
  /** Viewers join and leave, so many in all, so many at once. */
  | { readonly kind: "storm"; readonly joins: number; readonly atOnce: number }
  /** A viewer joins each so often, for so long. */
  | { readonly kind: "stream"; readonly perSecond: number; readonly seconds: number };

export interface JoinsClientAnswer {
  /** Joins that came to be connected. */
  readonly joins: number;
  readonly failed: number;
  readonly elapsedMs: number;
  readonly cpuUs: number;
}

const ROOM_ID = "bench";
const CONNECT_DEADLINE_MS = 15_000;
const PUBLISHER = Grants.fromPartial({ publish: [TrackSource.CAMERA, TrackSource.MICROPHONE], subscribe: true });
const VIEWER = Grants.fromPartial({ publish: [], subscribe: true });

const addresses = readChildOptions<JoinsClientOptions>();
const islb = grpcClient<IslbService>(IslbServiceDefinition, addresses.islb);
const sfu = grpcClient<SfuService>(SfuServiceDefinition, addresses.sfu);
const shared = createBotShared();
const staying = new Set<Bot>();
const ticker = setInterval(() => {
  for (const bot of staying) bot.tick();
}, addresses.tickMs);
let lastBot = 0;

async function join(publishes: boolean): Promise<Bot> {
  const identity = `bot-${process.pid}-${++lastBot}`;
  const bot = new Bot(shared, {
    publish: { audio: publishes, video: publishes },
    connect: async (handler) => {
      const grants = publishes ? PUBLISHER : VIEWER;
      const who = { identity, name: "", metadata: "", region: "", maxParticipants: 0, grants };
      const { participant, room } = await islb.join({ ...who, roomId: ROOM_ID, nodeId: "bench" });
      const value = { participant, room, autoSubscribe: true, moved: false };
      return openSessionLink(sfu, { $case: "open", value }, systemClock, handler);
    },
  });
  await bot.start();
  return bot;
}

function isConnected(bot: Bot): boolean {
  return bot.events.some(
    ({ event }) =>
      event?.$case === "transportState" &&
      event.value.role === PeerConnectionRole.SUBSCRIBER &&
      event.value.state === TransportState_State.CONNECTED,
  );
}

async function untilTrue(condition: () => boolean): Promise<boolean> {
  const deadlineMs = performance.now() + CONNECT_DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadlineMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return true;
}

/** One join, from the first word to connected, and the leave after it. */
async function joinAndLeave(): Promise<boolean> {
  try {
    const bot = await join(false);
    const connected = await untilTrue(() => isConnected(bot));
    await bot.leave();
    return connected;
  } catch {
    return false;
  }
}

async function stay(viewers: number, count: (connected: boolean) => void): Promise<void> {
  if (staying.size === 0) staying.add(await join(true));
  for (let i = 0; i < viewers; i++) {
    const bot = await join(false);
    staying.add(bot);
    count(await untilTrue(() => isConnected(bot)));
  }
}

async function storm(joins: number, atOnce: number, count: (connected: boolean) => void): Promise<void> {
  let left = joins;
  const one = async (): Promise<void> => {
    while (left-- > 0) count(await joinAndLeave());
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

async function stream(perSecond: number, seconds: number, count: (connected: boolean) => void): Promise<void> {
  const underWay: Promise<void>[] = [];
  const startedAtMs = performance.now();
  for (let i = 0; i < perSecond * seconds; i++) {
    const dueMs = startedAtMs + (i * 1_000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    underWay.push(joinAndLeave().then(count));
  }
  await Promise.all(underWay);
}

async function answer(question: JoinsClientQuestion): Promise<JoinsClientAnswer> {
  const cpuBefore = process.cpuUsage();
  const startedAtMs = performance.now();
  let joins = 0;
  let failed = 0;
  const count = (connected: boolean): void => void (connected ? (joins += 1) : (failed += 1));
  if (question.kind === "stay") await stay(question.viewers, count);
  else if (question.kind === "storm") await storm(question.joins, question.atOnce, count);
  else await stream(question.perSecond, question.seconds, count);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { joins, failed, elapsedMs: performance.now() - startedAtMs, cpuUs: user + system };
}

serveParent({}, answer, async () => {
  clearInterval(ticker);
  await Promise.all([...staying].map((bot) => bot.vanish()));
  islb.close();
  sfu.close();
  shared.dtls.close();
});
