import type { Duplex } from "@cation/cluster/rpc/duplex";
import { directDuplex } from "@cation/cluster/rpc/direct-duplex";
import { OpenSession, InspectResponse } from "@cation/proto/sfu/v1/sfu";
import type { SessionDown, SessionUp } from "@cation/proto/sfu/v1/sfu";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import { LeaveReason } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { afterEach, describe, expect, it } from "vitest";
import type { RoomHealing, WorkerFacts, WorkerReport } from "../sfu-worker.ts";
import { NO_STATS, sumCounts } from "../worker-stats.ts";
import type { PoolWorker } from "./threaded-worker.ts";
import { WorkerPool } from "./worker-pool.ts";

const FACTS: WorkerFacts = {
  mediaPort: 7300,
  mediaBackend: "typescript",
  mediaBackendReason: "",
  dtlsBackend: "werift",
  socketWarnings: [],
};

/** A worker without a thread: holds the rooms that it was asked for until it is told otherwise. */
class FakeWorker implements PoolWorker {
  alive = true;
  readonly rooms = new Map<string, string[]>();
  readonly healed: RoomHealing[] = [];
  readonly links: Duplex<LinkDown, LinkUp>[] = [];
  readonly asked: string[] = [];
  draining = false;
  hangs = false;
  openError: CodedError | undefined;
  totals = NO_STATS.totals;
  readonly #onExit: (error: unknown) => void;
  #sessions: ((error: CodedError) => void)[] = [];

  constructor(onExit: (error: unknown) => void) {
    this.#onExit = onExit;
  }

  readonly control: PoolWorker["control"] = {
    open: () => (this.openError ? Promise.reject(this.openError) : Promise.resolve(FACTS)),
    start: () => Promise.resolve({}),
    report: () => (this.hangs ? new Promise(() => {}) : Promise.resolve(this.#report())),
    heal: (healing) => {
      this.healed.push(healing);
      return Promise.resolve({});
    },
    setDraining: () => {
      this.draining = true;
      return Promise.resolve({});
    },
    close: () => Promise.resolve({}),
  };

  readonly sfu: PoolWorker["sfu"] = {
    session: (requests) => this.#serve(requests),
    endSession: ({ roomId }) => {
      this.asked.push(`end ${roomId}`);
      return Promise.resolve({});
    },
    inspect: ({ roomId }) => {
      this.asked.push(`inspect ${roomId}`);
      return Promise.resolve(InspectResponse.create({ sessions: 2, transports: 3, producers: [{ roomId }] }));
    },
    listRooms: () => {
      const rooms = Array.from(this.rooms, ([roomId, { length }]) => ({ roomId, sessions: length, tracks: 0 }));
      return Promise.resolve({ rooms });
    },
    drain: () => Promise.resolve({ sessions: 0 }),
  };

  openLink(): Duplex<LinkUp, LinkDown> {
    return directDuplex(RelayServiceDefinition, "link", (duplex) => this.links.push(duplex));
  }

  terminate(): Promise<void> {
    this.die(new Error("terminated"));
    return Promise.resolve();
  }

  die(error: Error): void {
    if (!this.alive) return;
    this.alive = false;
    for (const fail of this.#sessions) fail(new CodedError("SFU_UNAVAILABLE"));
    for (const link of this.links) link.abort(new CodedError("SFU_UNAVAILABLE"));
    this.#onExit(error);
  }

  async *#serve(requests: AsyncIterable<SessionUp>): AsyncGenerator<SessionDown> {
    const lost = new Promise<never>((_, reject) => this.#sessions.push(reject));
    lost.catch(() => {});
    const iterator = requests[Symbol.asyncIterator]();
    let sequence = 40;
    for (;;) {
      const next = await Promise.race([iterator.next(), lost]);
      if (next.done === true) return;
      const { up } = next.value;
      if (up?.$case === "open") this.#hold(up.value);
      sequence += 1;
      const event = { sequence, event: { $case: "participantCount", value: { count: 1 } } } as const;
      yield { down: { $case: "message", value: { message: { $case: "event", value: event } } } };
    }
  }

  #hold({ room, participant }: OpenSession): void {
    const roomId = room?.room?.roomId ?? "";
    this.rooms.set(roomId, [...(this.rooms.get(roomId) ?? []), participant?.participantId ?? ""]);
  }

  #report(): WorkerReport {
    const rooms = [...this.rooms].map(([roomId, participantIds]) => ({ roomId, epoch: 7, version: 1, participantIds }));
    const sessions = rooms.reduce((count, { participantIds }) => count + participantIds.length, 0);
    const held = { ...NO_STATS.held, rooms: rooms.length, sessions };
    return { stats: { ...NO_STATS, held, totals: this.totals }, rooms, figures: [] };
  }
}

let pool: WorkerPool;
afterEach(() => pool.close());

async function setUp(workers = 2) {
  const clock = new VirtualClock();
  const lives: FakeWorker[][] = Array.from({ length: workers }, () => []);
  const left: string[] = [];
  pool = await WorkerPool.open({
    nodeId: "a",
    workers,
    capacity: { maxParticipants: 100, maxPacketsPerSecond: 1_000, maxEgressBps: 1_000_000 },
    islb: {
      leave: ({ roomId, participantId, epoch, reason }) => {
        left.push(`${roomId} ${participantId} ${epoch} ${reason}`);
        return Promise.reject(new CodedError("STALE_EPOCH"));
      },
    },
    clock,
    logger: createLogger({ service: "sfu", level: "silent" }),
    launch: (index, onExit) => {
      const worker = new FakeWorker(onExit);
      lives[index].push(worker);
      return worker;
    },
  });
  await pool.start();
  return { clock, lives, left, newest: (index: number) => lives[index].at(-1) as FakeWorker };
}

/** A session stream as signal holds it. */
function open(roomId: string, participantId: string) {
  const value = OpenSession.fromPartial({ participant: { participantId }, room: { room: { roomId } } });
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  const requests = (async function* (): AsyncGenerator<SessionUp> {
    yield { up: { $case: "open", value } };
    await left;
  })();
  const down = pool.service.session(requests)[Symbol.asyncIterator]();
  return { down, leave };
}

describe("a pool of workers", () => {
  it("gives each room to one worker, where all of it goes", async () => {
    const { newest } = await setUp();
    await open("one", "P1").down.next();
    await open("two", "P2").down.next();
    await open("one", "P3").down.next();
    expect([newest(0).rooms, newest(1).rooms]).toEqual([new Map([["one", ["P1", "P3"]]]), new Map([["two", ["P2"]]])]);
    await pool.service.endSession({ roomId: "two", participantId: "P2", reason: 0 });
    await pool.service.endSession({ roomId: "none", participantId: "P2", reason: 0 });
    const one = await pool.service.inspect({ roomId: "one" });
    expect((await pool.service.inspect({ roomId: "none" })).sessions).toBe(0);
    expect(one).toMatchObject({ nodeId: "a", mediaBackend: "typescript", sessions: 2, transports: 3 });
    const all = await pool.service.inspect({ roomId: "" });
    expect([all.sessions, all.transports, all.producers.length]).toEqual([4, 6, 2]);
    expect([newest(0).asked, newest(1).asked]).toEqual([
      ["inspect one", "inspect "],
      ["end two", "inspect "],
    ]);
  });

  it("heals each room where it is, and tells all of a drain", async () => {
    const { newest } = await setUp();
    await open("one", "P1").down.next();
    await open("two", "P2").down.next();
    const gone = [{ participantId: "P2", reason: LeaveReason.REPLACED }];
    const correction = { roomId: "two", gone, missingParticipantIds: [] };
    pool.heal({ staleRoomIds: ["one", "none"], corrections: [correction] });
    await pool.setDraining();
    expect([newest(0).healed, newest(1).healed]).toEqual([
      [{ staleRoomIds: ["one"], corrections: [] }],
      [{ staleRoomIds: [], corrections: [correction] }],
    ]);
    expect([newest(0).draining, newest(1).draining]).toEqual([true, true]);
  });

  it("sums what its workers report, those that died included", async () => {
    const { clock, newest } = await setUp();
    await open("one", "P1").down.next();
    await open("two", "P2").down.next();
    newest(0).totals = { ...NO_STATS.totals, sentPackets: 5, drops: { ...NO_STATS.totals.drops, engine: { late: 1 } } };
    newest(1).totals = {
      ...NO_STATS.totals,
      sentPackets: 50,
      drops: { ...NO_STATS.totals.drops, engine: { late: 2 } },
    };
    const first = await pool.report();
    expect(first.stats.held).toMatchObject({ rooms: 2, sessions: 2 });
    expect(first.stats.totals).toMatchObject({ sentPackets: 55, drops: { engine: { late: 3 } } });
    expect(first.rooms.map(({ roomId }) => roomId)).toEqual(["one", "two"]);
    expect(pool.sessionCount).toBe(2);

    newest(0).die(new Error("bug"));
    const second = await pool.report();
    expect(second.stats.held).toMatchObject({ rooms: 1, sessions: 1 });
    expect(second.stats.totals).toEqual(first.stats.totals);
    await clock.advanceAsync(1_000);
    newest(0).totals = { ...NO_STATS.totals, sentPackets: 1 };
    const third = await pool.report();
    expect(third.stats.totals).toEqual(sumCounts(first.stats.totals, newest(0).totals));
  });

  it("forgets a room that its worker no longer holds, so that it may go elsewhere", async () => {
    const { newest } = await setUp();
    const one = open("one", "P1");
    await one.down.next();
    await open("two", "P2").down.next();
    one.leave();
    expect((await one.down.next()).done).toBe(true);
    // A session outlives its stream.
    await pool.report();
    expect((await pool.service.inspect({ roomId: "one" })).sessions).toBe(2);
    newest(0).rooms.clear();
    await pool.report();
    expect((await pool.service.inspect({ roomId: "one" })).sessions).toBe(0);
  });

  it("tells the clients of a dead worker in order, and islb, and leaves the others alone", async () => {
    const { clock, left, newest } = await setUp();
    const lost = open("one", "P1");
    const kept = open("two", "P2");
    await lost.down.next();
    await kept.down.next();
    await pool.report();
    newest(0).die(new Error("bug"));
    expect(await lost.down.next()).toMatchObject({
      value: {
        down: {
          $case: "message",
          value: {
            message: {
              value: {
                sequence: 42,
                event: {
                  $case: "sessionEnded",
                  value: { reason: LeaveReason.NODE_LOST, error: { code: "SFU_UNAVAILABLE", retryable: true } },
                },
              },
            },
          },
        },
      },
    });
    expect((await lost.down.next()).done).toBe(true);
    await clock.advanceAsync(0);
    expect(left).toEqual([`one P1 7 ${LeaveReason.NODE_LOST}`]);
    kept.leave();
    expect((await kept.down.next()).done).toBe(true);
    await open("one", "P3").down.next();
    expect(newest(1).rooms.get("one")).toEqual(["P3"]);
  });

  it("refuses sessions and links while no worker runs, and takes them when one is back", async () => {
    const { clock, lives, newest } = await setUp();
    newest(0).die(new Error("bug"));
    newest(1).die(new Error("bug"));
    expect((await open("one", "P1").down.next()).value).toMatchObject({
      down: { $case: "refused", value: { error: { code: "SFU_UNAVAILABLE" } } },
    });
    expect(await dial("one")).toBe("SFU_UNAVAILABLE");
    expect(pool.workers.map(({ running }) => running)).toEqual([false, false]);
    await clock.advanceAsync(1_000);
    expect(pool.workers.map(({ running, restarts }) => [running, restarts])).toEqual([
      [true, 1],
      [true, 1],
    ]);
    expect(lives.map((some) => some.length)).toEqual([2, 2]);
    expect((await open("one", "P1").down.next()).value).toMatchObject({ down: { $case: "message" } });
  });

  it("waits ever longer for a worker that keeps dying, and drains a new one where the node drains", async () => {
    const { clock, lives, newest } = await setUp();
    await pool.setDraining();
    for (let i = 0; i < 12; i += 1) {
      newest(0).die(new Error("bug"));
      await clock.advanceAsync(10_000);
    }
    expect(lives[0]).toHaveLength(13);
    expect(newest(0).draining).toBe(true);
    newest(0).die(new Error("bug"));
    await clock.advanceAsync(9_000);
    expect(lives[0]).toHaveLength(13);
    await clock.advanceAsync(1_500);
    expect(lives[0]).toHaveLength(14);
    await clock.advanceAsync(61_000);
    newest(0).die(new Error("bug"));
    await clock.advanceAsync(200);
    expect(lives[0]).toHaveLength(15);
  });

  it("goes by the last report of a worker that does not answer, and ends one that hangs", async () => {
    const { clock, lives, newest } = await setUp();
    await open("one", "P1").down.next();
    await pool.report();
    newest(0).hangs = true;
    const reportLater = async () => {
      const report = pool.report();
      await clock.advanceAsync(1_000);
      return report;
    };
    expect((await reportLater()).stats.held.sessions).toBe(1);
    for (let i = 0; i < 10; i += 1) await reportLater();
    expect(lives[0]).toHaveLength(1);
    for (let i = 0; i < 10; i += 1) await reportLater();
    expect(lives[0]).toHaveLength(2);
    expect(newest(0).alive).toBe(true);
    expect((await pool.report()).stats.held.sessions).toBe(0);
  });

  it("leads links to the room's worker", async () => {
    const { newest } = await setUp();
    await open("one", "P1").down.next();
    await open("two", "P2").down.next();
    const link = directDuplex(RelayServiceDefinition, "link", (duplex) => pool.serveRelay(duplex));
    link.write({ up: { $case: "hello", value: { roomId: "two", nodeId: "b", epoch: 1, paths: [], instanceId: "" } } });
    link.write({ up: { $case: "subscribe", value: { trackId: "t", originNodeId: "" } } });
    const { promise: answered, resolve } = Promise.withResolvers<LinkDown>();
    link.onMessage = resolve;
    await settle();
    const [inner] = newest(1).links;
    inner.write({ down: { $case: "ended", value: { trackId: "t" } } });
    expect(await answered).toMatchObject({ down: { $case: "ended" } });
    const { promise: ended, resolve: onEnd } = Promise.withResolvers<string | undefined>();
    link.onEnd = (error) => onEnd(error?.code);
    newest(1).die(new Error("bug"));
    expect(await ended).toBe("SFU_UNAVAILABLE");
    expect(newest(0).links).toEqual([]);
  });

  it("ends links that say nothing, or the wrong thing first", async () => {
    const { clock } = await setUp();
    const silent = directDuplex(RelayServiceDefinition, "link", (duplex) => pool.serveRelay(duplex));
    const codes: (string | undefined)[] = [];
    silent.onEnd = (error) => codes.push(error?.code);
    const rude = directDuplex(RelayServiceDefinition, "link", (duplex) => pool.serveRelay(duplex));
    rude.onEnd = (error) => codes.push(error?.code);
    rude.write({ up: { $case: "subscribe", value: { trackId: "t", originNodeId: "" } } });
    await clock.advanceAsync(6_000);
    expect(codes).toEqual(["REQUEST_ORDER", "REQUEST_ORDER"]);
    expect(clock.pendingTimers).toBe(0);
  });
});

/** How a link for a room ends. */
function dial(roomId: string): Promise<string | undefined> {
  const link = directDuplex(RelayServiceDefinition, "link", (duplex) => pool.serveRelay(duplex));
  link.write({ up: { $case: "hello", value: { roomId, nodeId: "b", epoch: 1, paths: [], instanceId: "" } } });
  return new Promise((resolve) => (link.onEnd = (error) => resolve(error?.code)));
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
