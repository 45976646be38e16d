import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { TestBrowser } from "./harness/browser.ts";
import { TestCluster } from "./harness/cluster.ts";
import {
  expectBeep,
  expectFluentCall,
  expectMoving,
  measureAll,
  report,
  waitUntilEmpty,
} from "./harness/expectations.ts";
import { Guest } from "./harness/guest.ts";

/** Two of everything: participants are pinned to a node, and come in by different signal nodes. */
describe("a cluster", () => {
  let cluster: TestCluster;
  let browser: TestBrowser;
  let roomCount = 0;

  beforeAll(async () => {
    [cluster, browser] = await Promise.all([TestCluster.start(), TestBrowser.launch()]);
  });
  afterEach(async () => {
    await browser.closePages();
    expect(cluster.died).toEqual([]);
    for (const node of cluster.nodes.values()) await waitUntilEmpty(node);
  });
  afterAll(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  const newRoom = (): string => {
    onTestFailed(() => console.log(cluster.log.toString()));
    return `cluster-${++roomCount}`;
  };
  const join = (room: string, name: string, node: 1 | 2, video: "180p" | "360p" = "360p"): Promise<Guest> =>
    Guest.join(browser, { url: cluster.signalUrl(node - 1), room, name, nodeId: `sfu-${node}`, video });

  it("two people on different nodes see and hear each other", async () => {
    const room = newRoom();
    const [ada, grace] = await Promise.all([join(room, "Ada", 1), join(room, "Grace", 2)]);
    expect([await ada.nodeId(), await grace.nodeId()]).toEqual(["sfu-1", "sfu-2"]);
    await Promise.all([ada.seePicture("Grace"), grace.seePicture("Ada")]);

    const [seenByAda, seenByGrace] = await expectFluentCall([ada, grace], 5_000);
    report("across nodes", { seenByAda, seenByGrace });
    expectBeep(seenByAda?.sounds[0]);
    expectBeep(seenByGrace?.sounds[0]);

    await grace.leave();
    const goneAfterMs = await ada.seeLeave("Grace");
    expect(goneAfterMs).toBeLessThan(2_000);
    const emptyAfterMs = await waitUntilEmpty(cluster.node("sfu-2"), room);
    report("after leaving", { goneAfterMs: Math.round(goneAfterMs), emptyAfterMs: Math.round(emptyAfterMs) });
  });

  it("a track crosses once, however many watch it, and no longer than somebody does", async () => {
    const room = newRoom();
    await join(room, "Ada", 1);
    const watchers = await Promise.all(["Bea", "Cy", "Dee"].map((name) => join(room, name, 2, "180p")));
    await Promise.all(watchers.map((watcher) => watcher.seePicture("Ada")));

    const [first, second] = [cluster.node("sfu-1"), cluster.node("sfu-2")];
    const adasTracks = (await first.inspect(room)).producers.filter(({ origin }) => origin === "local");
    expect(adasTracks).toHaveLength(2);
    for (const { trackId } of adasTracks) {
      const sent = (await first.relays(room)).out.filter((relay) => relay.trackId === trackId);
      const received = (await second.relays(room)).in.filter((relay) => relay.trackId === trackId);
      expect(sent).toMatchObject([{ peerNodeId: "sfu-2" }]);
      expect(received).toMatchObject([{ peerNodeId: "sfu-1" }]);
      const consumers = (await second.inspect(room)).consumers.filter((consumer) => consumer.trackId === trackId);
      expect(consumers.filter(({ participantId }) => participantId !== "")).toHaveLength(3);
    }
    const forwarded = await Promise.all(watchers.map((watcher) => watcher.others()));
    expect(forwarded.every((names) => names.includes("Ada"))).toBe(true);

    for (const watcher of watchers) await watcher.leave();
    await expect.poll(() => first.relays(room), { timeout: 5_000 }).toEqual({ in: [], out: [] });
    expect((await second.holdings(room)).relays).toBe(0);
  });

  it("somebody who comes late has the picture within a second", async () => {
    const room = newRoom();
    const ada = await join(room, "Ada", 1);
    await ada.page.waitForTimeout(1_500);
    const grace = await Guest.open(browser, {
      ...{ url: cluster.signalUrl(1), room, name: "Grace", nodeId: "sfu-2", video: "180p" },
    });
    await grace.enter();
    const pictureAfterMs = await grace.seePicture("Ada");
    report("late joiner's first picture", `${Math.round(pictureAfterMs)} ms after the join was answered`);
    expect(pictureAfterMs).toBeLessThan(1_000);
  });

  it("what is published after the join is announced, on the other node too", async () => {
    const room = newRoom();
    const [ada, grace] = await Promise.all([join(room, "Ada", 1), join(room, "Grace", 2, "180p")]);
    await grace.seePicture("Ada");
    await ada.press("toggle-screen");
    report("screen seen after", `${Math.round(await grace.seePicture("Ada", "screen"))} ms`);
    await ada.press("toggle-screen");
    await grace.seeLeave("Ada", "screen");
  });

  it("who mutes and who turns the camera off is seen on the other node", async () => {
    const room = newRoom();
    const [ada, grace] = await Promise.all([join(room, "Ada", 1), join(room, "Grace", 2, "180p")]);
    await grace.seePicture("Ada");
    const tile = grace.tile("Ada");
    await ada.press("toggle-microphone");
    await tile.and(grace.page.locator('[data-microphone="off"]')).waitFor();
    await ada.press("toggle-camera");
    await tile.locator("video").waitFor({ state: "detached" });
    await ada.press("toggle-camera");
    await grace.seePicture("Ada");
    await ada.press("toggle-microphone");
    await tile.and(grace.page.locator('[data-microphone="on"]')).waitFor();
    const [seen] = await measureAll([grace], 1_500);
    expectBeep(seen?.sounds[0]);
  });

  it("a crash of the signal node is survived: media goes on, and the session is taken up again", async () => {
    const room = newRoom();
    const [ada, grace] = await Promise.all([join(room, "Ada", 1, "180p"), join(room, "Grace", 2, "180p")]);
    await Promise.all([ada.seePicture("Grace"), grace.seePicture("Ada")]);
    const restart = await cluster.killSignal(0);
    await ada.page.getByTestId("reconnecting").waitFor();
    await expectMoving([ada, grace], 1_500);
    await restart();
    await ada.page.locator('[data-testid="room-view"][data-state="connected"]').waitFor();
    await ada.press("toggle-microphone");
    await grace.tile("Ada").and(grace.page.locator('[data-microphone="off"]')).waitFor();
    expect((await cluster.node("sfu-1").inspect(room)).sessions).toBe(1);
  });

  it("rooms do not hear each other", async () => {
    const [blue, red] = [newRoom(), newRoom()];
    const [ada, bea, cy] = await Promise.all([
      join(blue, "Ada", 1, "180p"),
      join(blue, "Bea", 2, "180p"),
      join(red, "Cy", 1, "180p"),
    ]);
    await Promise.all([ada.seePicture("Bea"), bea.seePicture("Ada")]);
    await bea.press("toggle-microphone");
    await bea.leave();
    await ada.seeLeave("Bea");
    expect(await cy.others()).toEqual([]);
    expect(await cy.page.getByTestId("participant-count").getAttribute("data-count")).toBe("1");
    expect(await cy.page.locator('[aria-live="polite"]').textContent()).toBe("");
  });
});
