import { Worker } from "node:worker_threads";
import { LeaveReason } from "@cation/proto/state/v1/state";
import type { StartThread } from "@cation/sfu/workers/threaded-worker";
import { afterEach, describe, expect, it } from "vitest";
import type { Bot } from "./bot.ts";
import { BotTestKit, decodes, moreFrames, until } from "./bot-test-kit.ts";

let kit: BotTestKit;
afterEach(() => kit.close());

const videoOf = (bot: Bot): string => bot.report().sent.find(({ kind }) => kind === "video")?.trackId ?? "";

/** Ports at which the server says it sends to a bot. */
function portsOf(bot: Bot): number[] {
  const ports = new Set<number>();
  for (const { event } of bot.events) {
    if (event?.$case !== "subscriberOffer") continue;
    for (const [, port] of event.value.sdp.matchAll(/a=candidate:\S+ 1 udp \d+ \S+ (\d+)/gi)) ports.add(Number(port));
  }
  return [...ports];
}

const threads = new Map<number, Worker>();
/** Remembers the newest thread of each worker, and teaches them to die. */
const startThread: StartThread = (data, transferList) => {
  const entry = new URL(import.meta.resolve("@cation/sfu/testing/mortal-worker-thread"));
  const thread = new Worker(entry, { workerData: data, transferList: [...transferList] });
  threads.set(data.index, thread);
  return thread;
};

const workersOf = (nodeId: string) => kit.cluster.find(nodeId).workers;

describe("a node with two workers", () => {
  it("carries two rooms on two ports, and keeps them apart", async () => {
    kit = await BotTestKit.startWith({ workers: 2 }, "a");
    const pairs = await Promise.all(
      ["one", "two"].map((roomId) =>
        Promise.all([kit.join({ nodeId: "a", roomId }), kit.join({ nodeId: "a", roomId })]),
      ),
    );
    const bots = pairs.flat();
    await until("everybody decodes the other of the room", () => bots.every((bot) => decodes(bot, 2, 20)));
    for (const bot of bots) expect(bot.report()).toMatchObject({ errors: [], ended: undefined });
    const ports = pairs.map((pair) => [...new Set(pair.flatMap((bot) => portsOf(bot)))]);
    expect(ports.map((some) => some.length)).toEqual([1, 1]);
    const bound = workersOf("a").map(({ facts }) => facts.mediaPort);
    expect(new Set(ports.flat())).toEqual(new Set(bound));
    expect(new Set(ports.flat()).size).toBe(2);

    const all = await kit.inspect("a");
    expect([all.sessions, all.transports, all.producers.length, all.consumers.length]).toEqual([4, 8, 8, 8]);
    const one = await kit.cluster.clientOf("a").inspect({ roomId: "one" });
    expect([one.sessions, one.transports, one.producers.length]).toEqual([2, 4, 4]);
    expect(one.producers.every(({ roomId }) => roomId === "one")).toBe(true);
    await until("each worker reports its room", () => workersOf("a").every(({ sessions }) => sessions === 2));
    const metrics = await kit.cluster.find("a").registry.metrics();
    expect(metrics).toMatch(/cation_sfu_sessions\{[^}]*\} 4\n/);
    expect(metrics).toMatch(/cation_sfu_dtls_handshakes_total\{[^}]*\} 8\n/);
    expect(metrics).toMatch(/cation_sfu_worker_sessions\{worker="1"[^}]*\} 2\n/);
    await until("the node reports the sum", () => {
      const load = kit.cluster.islb.reports.at(-1)?.node?.load;
      return load?.participants === 4 && load.rooms === 2 && load.tracks === 8 && load.packetsPerSecond > 0;
    });
  });

  it("holds nothing of a room that everybody left, and ends whom islb or signal end", async () => {
    kit = await BotTestKit.startWith({ workers: 2 }, "a");
    const anna = await kit.join({ nodeId: "a" });
    const ben = await kit.join({ nodeId: "a" });
    const carl = await kit.watch("a");
    await until("ben decodes", () => decodes(ben, 2, 5));
    await anna.leave();
    await kit.cluster.clientOf("a").endSession({
      roomId: "room",
      participantId: ben.report().participantId,
      reason: LeaveReason.REPLACED,
    });
    await until("ben's session ended", () => ben.report().ended !== undefined);
    await carl.leave();
    await until("nothing is left", async () => {
      const { sessions, transports, producers, consumers } = await kit.inspect("a");
      return sessions + transports + producers.length + consumers.length === 0;
    });
    await kit.cluster.clientOf("a").endSession({ roomId: "nowhere", participantId: "P", reason: 0 });
    expect((await kit.cluster.clientOf("a").inspect({ roomId: "nowhere" })).nodeId).toBe("a");
  });

  it("takes a session up again on a new stream, in the room's worker", async () => {
    kit = await BotTestKit.startWith({ workers: 2 }, "a");
    const anna = await kit.join({ nodeId: "a" });
    const ben = await kit.watch("a");
    await until("ben decodes", () => decodes(ben, 2, 10));
    const last = ben.events.at(-1)?.sequence ?? 0;
    ben.link.close();
    await until("ben still decodes anna", moreFrames(ben, videoOf(anna), 20));
    expect((await kit.resume(ben, "a", last)).eventsReplayed).toBe(true);
    await until("ben decodes on", moreFrames(ben, videoOf(anna), 20));
    const gone = kit.resume(ben, "a", 0);
    await expect(gone).resolves.toMatchObject({ nodeId: "a" });
  });

  it.each(["is ended", "throws"])("goes on when one %s: its clients join again, others notice nothing", async (how) => {
    const lines: string[] = [];
    const logTo = { write: (line: string) => void lines.push(line) };
    kit = await BotTestKit.startWith({ workers: 2, startThread, logLevel: "error", logTo }, "a");
    const anna = await kit.join({ nodeId: "a", roomId: "one" });
    const ben = await kit.join({ nodeId: "a", roomId: "one" });
    const carl = await kit.join({ nodeId: "a", roomId: "two" });
    const dora = await kit.watch("a", "two");
    await until("both rooms are alive", () => decodes(ben, 2, 10) && decodes(dora, 2, 10));
    await until("the rooms are reported", () => workersOf("a").every(({ sessions }) => sessions === 2));
    const [port] = portsOf(ben);
    const index = workersOf("a").findIndex(({ facts }) => facts.mediaPort === port);
    const forwardedBefore = await countForwarded();

    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    if (how === "throws") threads.get(index)?.postMessage("a bug");
    else await threads.get(index)?.terminate();
    await until("anna and ben hear of it", () => [anna, ben].every((bot) => bot.report().ended !== undefined));
    expect(ben.report().ended).toBe("session ended: SFU_UNAVAILABLE");
    const sequences = ben.events.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, i) => i + 1));
    await until("dora decodes on", moreFrames(dora, videoOf(carl), 30));
    expect(dora.report().received.every(({ interruptions }) => interruptions === 0)).toBe(true);
    expect(carl.report()).toMatchObject({ errors: [], ended: undefined });
    expect(kit.cluster.islb.snapshot("one").participantCount).toBe(0);

    await until("the worker is back", () => workersOf("a")[index].running);
    expect(workersOf("a")[index].restarts).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(how === "throws" ? /worker died.*a bug/s : /worker died.*ended with code 1/s);
    const [again, watcher] = [await kit.join({ nodeId: "a", roomId: "one" }), await kit.watch("a", "one")];
    await until("the room is alive again", () => decodes(watcher, 2, 10));
    expect(again.report()).toMatchObject({ errors: [], ended: undefined });
    expect(await countForwarded()).toBeGreaterThan(forwardedBefore);
    expect(await kit.cluster.find("a").registry.metrics()).toMatch(
      new RegExp(`cation_sfu_worker_restarts_total\\{worker="${index}"[^}]*\\} 1\n`),
    );
  });

  it("is drained when the last client of any worker is gone", async () => {
    kit = await BotTestKit.startWith({ workers: 2 }, "a");
    const one = await kit.join({ nodeId: "a", roomId: "one" });
    const two = await kit.join({ nodeId: "a", roomId: "two" });
    let drained = false;
    const draining = kit.cluster
      .find("a")
      .drain()
      .then(() => (drained = true));
    await until("the node takes nobody", async () => {
      const early = await kit.watch("a", "three").catch((error: { code: string }) => error.code);
      if (typeof early === "string") return early === "NODE_DRAINING";
      await early.leave();
      return false;
    });
    await one.leave();
    await until("only one is left", () => kit.cluster.find("a").sessionCount === 1);
    expect(drained).toBe(false);
    await two.leave();
    await draining;
  });

  it("tells its clients that it goes", async () => {
    kit = await BotTestKit.startWith({ workers: 2 }, "a");
    const bots = await Promise.all(["one", "two"].map((roomId) => kit.join({ nodeId: "a", roomId })));
    await kit.cluster.find("a").close();
    await until("both hear of it", () => bots.every((bot) => bot.report().ended === "session ended: reason 5"));
  });

  it.each(["typescript", "auto"])("says once how to give each worker larger socket buffers (%s)", async (backend) => {
    const lines: string[] = [];
    const env = { CATION_SFU_MEDIA_SOCKET_BUFFER_BYTES: "1073741824", CATION_SFU_MEDIA_BACKEND: backend };
    const logTo = { write: (line: string) => void lines.push(line) };
    kit = await BotTestKit.startWith({ workers: 2, logLevel: "warn", logTo, env }, "a");
    for (const { facts } of workersOf("a"))
      expect(facts.socketWarnings.join()).toMatch(/net\.core\.rmem_max=.*wmem_max=/);
    expect(lines.filter((line) => line.includes("sysctl -w net.core.rmem_max=1073741824"))).toHaveLength(2);
    expect(lines.filter((line) => line.includes("sysctl -w net.core.wmem_max=1073741824"))).toHaveLength(2);
    const metrics = await kit.cluster.find("a").registry.metrics();
    expect(metrics).toMatch(/cation_sfu_worker_small_socket_buffers\{worker="1"[^}]*\} 2\n/);
  });

  it("refuses to start where a port is taken", async () => {
    kit = await BotTestKit.startWith({ workers: 2 }, "a");
    const taken = workersOf("a")[1].facts.mediaPort;
    const env = { CATION_SFU_MEDIA_PORT: String(taken - 1) };
    await expect(kit.cluster.add("b", { workers: 2, env })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});

describe("two nodes with two workers each", () => {
  it("relay rooms between whichever workers these are on", async () => {
    kit = await BotTestKit.startWith({ workers: 2 }, "a", "b");
    const rooms = ["one", "two", "three"];
    const publishers = await Promise.all(rooms.map((roomId) => kit.join({ nodeId: "a", roomId })));
    const watchers = await Promise.all(rooms.map((roomId) => kit.watch("b", roomId)));
    await until("all decode", () => watchers.every((bot) => decodes(bot, 2, 20)));
    watchers.forEach((bot, i) => {
      const trackIds = bot.report().received.map(({ trackId }) => trackId);
      expect(trackIds.sort()).toEqual(
        publishers[i]
          .report()
          .sent.map(({ trackId }) => trackId)
          .sort(),
      );
    });
    const [sending, receiving] = [await kit.inspect("a"), await kit.inspect("b")];
    expect([sending.relays.length, receiving.relays.length]).toEqual([6, 6]);
    kit.cluster.cutLinks();
    for (const [i, bot] of watchers.entries())
      await until(`room ${rooms[i]} decodes again`, moreFrames(bot, videoOf(publishers[i]), 20));
    await Promise.all(watchers.map((bot) => bot.leave()));
    await until("nothing is relayed", async () => {
      const [a, b] = [await kit.inspect("a"), await kit.inspect("b")];
      return a.relays.length + b.relays.length + a.consumers.length + b.producers.length === 0;
    });
  });

  it("send a room to a node with one worker, and back", async () => {
    kit = await BotTestKit.startWith({ workers: 2 }, "a");
    await kit.cluster.add("b");
    const anna = await kit.join({ nodeId: "a" });
    const ben = await kit.join({ nodeId: "b" });
    await until("both decode", () => decodes(anna, 2, 20) && decodes(ben, 2, 20));
  });
});

async function countForwarded(): Promise<number> {
  const metrics = await kit.cluster.find("a").registry.metrics();
  return Number(/cation_sfu_forwarded_packets_total\{[^}]*\} (\d+)/.exec(metrics)?.[1]);
}
