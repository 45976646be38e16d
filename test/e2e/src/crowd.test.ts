import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { Bots } from "./harness/bots.ts";
import { TestBrowser } from "./harness/browser.ts";
import { TestCluster } from "./harness/cluster.ts";
import { expectMoving, report, waitUntilEmpty } from "./harness/expectations.ts";
import { Guest } from "./harness/guest.ts";

const ROOM = "crowd";
const GUESTS = ["Ada", "Grace", "Katherine"];
const BOTS = ["left-1", "left-2", "left-3", "left-4", "right-1", "right-2", "right-3"];
const OTHERS = GUESTS.length + BOTS.length - 1;
/** CATION_SFU_MAX_AUDIO_STREAMS as it comes: the loudest of more voices share so many lines. */
const VOICES = 6;

describe("three pages and seven bots in one room on two nodes", () => {
  let cluster: TestCluster;
  let browser: TestBrowser;
  const bots: Bots[] = [];

  beforeAll(async () => {
    [cluster, browser] = await Promise.all([TestCluster.start(), TestBrowser.launch()]);
  });
  afterAll(async () => {
    await Promise.allSettled(bots.map((group) => group.finish()));
    await browser?.close();
    await cluster?.stop();
  });

  it("every page shows nine moving pictures, every bot receives them and the loudest voices", async () => {
    onTestFailed(() => console.log(cluster.log.toString()));
    bots.push(
      new Bots({ url: cluster.signalUrl(0), room: ROOM, count: 4, identity: "left", nodeId: "sfu-1" }),
      new Bots({ url: cluster.signalUrl(1), room: ROOM, count: 3, identity: "right", nodeId: "sfu-2" }),
    );
    const guests = await Promise.all(
      GUESTS.map((name, index) =>
        Guest.join(browser, {
          ...{ url: cluster.signalUrl(index % 2), room: ROOM, name, nodeId: `sfu-${(index % 2) + 1}`, video: "180p" },
        }),
      ),
    );
    const everybody = [...GUESTS, ...BOTS];
    await Promise.all(
      guests.map(async (guest) => {
        for (const name of everybody) if (name !== guest.name) await guest.seePicture(name);
      }),
    );
    const seen = await expectMoving(guests, 4_000);
    for (const [index, { tiles }] of seen.entries()) {
      report(`${GUESTS[index]} sees`, tiles.map(({ name, decodedFps }) => `${name} ${decodedFps}`).join(", "));
      expect(tiles.map(({ name }) => name).toSorted()).toEqual(
        everybody.filter((name) => name !== GUESTS[index]).toSorted(),
      );
    }

    // Every track crosses once: four bots and two pages one way, three bots and a page the other, of two tracks each.
    const [first, second] = [await cluster.node("sfu-1").relays(ROOM), await cluster.node("sfu-2").relays(ROOM)];
    expect([first.out.length, first.in.length]).toEqual([12, 8]);
    expect([second.out.length, second.in.length]).toEqual([8, 12]);

    const reports = (await Promise.all(bots.splice(0).map((group) => group.finish()))).flat();
    expect(reports).toHaveLength(BOTS.length);
    onTestFailed(() => report("what the bots saw", reports));
    for (const { participantId, received, errors, ended } of reports) {
      const playable = received.filter(
        ({ packets, kind, decodableFrames }) => packets > 0 && (kind === "audio" || decodableFrames > 0),
      );
      expect(
        playable.filter(({ kind }) => kind === "video"),
        participantId,
      ).toHaveLength(OTHERS);
      expect(
        playable.filter(({ kind }) => kind === "audio"),
        participantId,
      ).toHaveLength(VOICES);
      expect({ errors, ended }, participantId).toEqual({ errors: [], ended: undefined });
    }
    const frames = reports.flatMap(({ received }) => received.map(({ decodableFrames }) => decodableFrames));
    report("bots", {
      joinMs: reports.map(({ joinMs }) => Math.round(joinMs)),
      fewestFrames: Math.min(...frames.filter((count) => count > 0)),
    });

    for (const guest of guests) await guest.leave();
    for (const node of cluster.nodes.values()) await waitUntilEmpty(node, ROOM);
    expect(cluster.died).toEqual([]);
  });
});
