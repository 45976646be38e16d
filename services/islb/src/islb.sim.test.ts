import { expect, test } from "vitest";
import { sorted } from "@cation/cluster/testing/records";
import { mulberry32 } from "@cation/cluster/testing/seeded-random";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import { CodedError } from "@cation/service-kit/coded-error";
import type { Islb } from "./create-islb.ts";
import { SimulatedBus } from "./testing/simulated-bus.ts";
import { SimulatedNode } from "./testing/simulated-node.ts";
import { IslbFixture, joinRequest } from "./testing/islb-fixture.ts";

const ROOMS = ["r0", "r1", "r2"];
const NODES = ["n0", "n1", "n2"];
const IDENTITIES = 12;
const TURBULENCE_MS = 60_000;
const STEP_MS = 150;
/** Ghosts have 15 s, a lost node 8 s; then everything must be as it should be. */
const CALM_MS = 40_000;

/** A cluster's control plane in which everything goes wrong now and then. */
class Simulation {
  readonly fixture: IslbFixture;
  readonly nodes: SimulatedNode[];
  readonly #bus: SimulatedBus;
  readonly #random: () => number;
  #islbs: Islb[] = [];
  #callLoss = 0.08;
  #trackCount = 0;

  constructor(seed: number) {
    this.#random = mulberry32(seed);
    const faults = { loss: 0.15, repetition: 0.1, maxDelayMs: 80 };
    // The bus is made before the fixture whose clock it needs; timers are armed later only.
    const late: { clock?: IslbFixture["clock"] } = {};
    const clock = {
      nowMs: () => late.clock?.nowMs() ?? 0,
      monotonicMs: () => late.clock?.monotonicMs() ?? 0,
      setTimer: (delayMs: number, callback: () => void) =>
        late.clock?.setTimer(delayMs, callback) ?? { cancel: () => {} },
    };
    this.#bus = new SimulatedBus(clock, this.#random, faults);
    this.fixture = new IslbFixture({ events: this.#bus, seed, settings: { placement: "spread" } });
    late.clock = this.fixture.clock;
    this.nodes = NODES.map((id) => new SimulatedNode(id, () => this.#anyIslb(), this.#bus, this.fixture.clock));
  }

  async run(): Promise<void> {
    this.#islbs = [this.fixture.makeIslb(), this.fixture.makeIslb()];
    await Promise.all(this.#islbs.map((islb) => islb.start()));
    for (const node of this.nodes) node.start();
    for (let passedMs = 0; passedMs < TURBULENCE_MS; passedMs += STEP_MS) {
      await this.#step();
      await this.fixture.clock.advanceAsync(STEP_MS);
    }
    this.#calmDown();
    this.#bus.faults.loss = 0.6;
    for (let i = 0; i < IDENTITIES; i += 1) {
      this.#join();
      await this.fixture.clock.advanceAsync(STEP_MS);
      this.#changeTracks();
    }
    // Only now, so that the last events are among the lost: nothing but the reports can tell of them.
    this.#bus.faults.loss = 0;
    this.#bus.faults.repetition = 0;
    await this.fixture.clock.advanceAsync(CALM_MS);
  }

  close(): Promise<void> {
    for (const node of this.nodes) node.crash();
    return this.fixture.close();
  }

  /** One of the islbs, over a network that loses requests and answers. */
  #anyIslb(): IslbService {
    const { service } = this.#islbs[this.#pick(this.#islbs.length)] as Islb;
    return new Proxy(service, {
      get: (target, key) => async (request: unknown) => {
        if (this.#chance(this.#callLoss / 2)) throw new CodedError("ISLB_UNAVAILABLE");
        const method = Reflect.get(target, key) as (request: unknown) => Promise<unknown>;
        const answer = await method.call(target, request);
        if (this.#chance(this.#callLoss / 2)) throw new CodedError("ISLB_UNAVAILABLE");
        return answer;
      },
    });
  }

  async #step(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.3) this.#join();
    else if (dice < 0.45) this.#leave();
    else if (dice < 0.8) this.#changeTracks();
    else if (dice < 0.815) this.#crashOrRestartNode();
    else if (dice < 0.825) await this.#replaceIslb();
    else if (dice < 0.835) this.#interruptStore();
    else if (dice < 0.84) await this.fixture.store.raiseEpoch(this.#pickRoom()).catch(() => undefined);
  }

  #join(): void {
    const request = joinRequest(this.#pickRoom(), `i${this.#pick(IDENTITIES)}`);
    this.#anyIslb()
      .join(request)
      .then((response) => {
        // Now and then whoever joined dies before its node hears of it.
        if (this.#chance(0.1)) return;
        this.nodes.find(({ nodeId }) => nodeId === response.node?.nodeId)?.open(response);
      })
      .catch(() => {});
  }

  #leave(): void {
    const node = this.nodes[this.#pick(this.nodes.length)];
    const session = node?.sessions[this.#pick(node.sessions.length)];
    if (session) node?.leave(session);
  }

  /** Changes what a participant means to publish; its node announces it with its next report. */
  #changeTracks(): void {
    const sessions = this.nodes.flatMap((node) => node.sessions);
    const tracks = sessions[this.#pick(sessions.length)]?.tracks;
    if (!tracks) return;
    const [trackId] = [...tracks.keys()].slice(this.#pick(tracks.size));
    if (trackId === undefined || (this.#chance(0.4) && tracks.size < 4)) {
      this.#trackCount += 1;
      tracks.set(`t${this.#trackCount}`, this.#chance(0.5));
    } else if (this.#chance(0.5)) tracks.delete(trackId);
    else tracks.set(trackId, this.#chance(0.5));
  }

  #crashOrRestartNode(): void {
    const node = this.nodes[this.#pick(this.nodes.length)] as SimulatedNode;
    if (node.alive) node.crash();
    if (this.#chance(0.6)) node.start();
  }

  async #replaceIslb(): Promise<void> {
    const index = this.#pick(this.#islbs.length);
    await this.#islbs[index]?.close();
    const islb = this.fixture.makeIslb();
    this.#islbs[index] = islb;
    await islb.start();
  }

  #interruptStore(): void {
    this.fixture.storeIsAway = true;
    this.fixture.clock.setTimer(this.#random() * 8_000, () => (this.fixture.storeIsAway = false));
  }

  /** Calls and the store work from now on, and at least one node is there. */
  #calmDown(): void {
    if (this.nodes.every(({ alive }) => !alive)) this.nodes[0]?.start();
    this.fixture.storeIsAway = false;
    this.#callLoss = 0;
  }

  #pickRoom(): string {
    return ROOMS[this.#pick(ROOMS.length)] as string;
  }

  #pick(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }
}

/** What the nodes hold: participants by room, and tracks with their mute state. */
function readTruth(nodes: readonly SimulatedNode[], roomId: string) {
  const sessions = nodes.flatMap((node) => node.sessions).filter((session) => session.roomId === roomId);
  const tracks = sessions.flatMap((session) => [...session.tracks]);
  return {
    participantIds: sessions.map(({ participantId }) => participantId).toSorted(),
    tracks: new Map(tracks),
  };
}

const seeds = Array.from({ length: 24 }, (_, i) => 1_000 + i);

test.each(seeds)("seed %i: after the storm records, replicas and nodes agree", async (seed) => {
  const simulation = new Simulation(seed);
  const { store } = simulation.fixture;
  await simulation.run();
  let participants = 0;
  for (const roomId of ROOMS) {
    const truth = readTruth(simulation.nodes, roomId);
    participants += truth.participantIds.length;
    const snapshot = await store.readRoom(roomId);
    const roster = (await store.readRoster(roomId, "", 1_000))?.participants ?? [];
    expect(roster.map(({ participantId }) => participantId).toSorted()).toEqual(truth.participantIds);
    expect(new Set(roster.map(({ identity }) => identity)).size).toBe(roster.length);
    expect(new Map(snapshot?.tracks.map(({ trackId, muted }) => [trackId, muted]))).toEqual(truth.tracks);
    for (const node of simulation.nodes) {
      const replica = node.rooms.get(roomId)?.replica;
      if (!replica || !snapshot) continue;
      expect(replica.behind).toBe(false);
      expect(sorted(replica.snapshot())).toEqual(sorted(snapshot));
    }
  }
  expect(participants).toBeGreaterThan(0);
  await simulation.close();
});
