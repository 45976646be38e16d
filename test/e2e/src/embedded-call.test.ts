import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { TestBrowser } from "./harness/browser.ts";
import { TestEmbedded } from "./harness/embedded.ts";
import { expectBeep, expectFluentCall, expectMoving, report, waitUntilEmpty } from "./harness/expectations.ts";
import { Guest } from "./harness/guest.ts";
import type { GuestOptions } from "./harness/guest.ts";
import { readIceUfrags, readReceivedVideoCodecs } from "./harness/page-probe.ts";

describe.each(["auto", "typescript"] as const)("one process, media backend %s", (mediaBackend) => {
  let server: TestEmbedded;
  let browser: TestBrowser;

  beforeAll(async () => {
    [server, browser] = await Promise.all([TestEmbedded.start({ mediaBackend }), TestBrowser.launch()]);
  });
  afterEach(async () => {
    await browser.closePages();
    await waitUntilEmpty(server.node);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const join = (name: string, options: Partial<GuestOptions> = {}): Promise<Guest> =>
    Guest.join(browser, { url: server.url, room: "a room / für alle?", name, ...options });

  it("two people see and hear each other, and nothing is left of who leaves", async () => {
    onTestFailed(() => console.log(server.log.toString()));
    const [ada, grace] = await Promise.all([join("Ada"), join("Grace")]);
    await Promise.all([ada.seePicture("Grace"), grace.seePicture("Ada")]);
    const [seenByAda, seenByGrace] = await expectFluentCall([ada, grace], 5_000);
    report(`embedded, ${server.mediaBackend} backend`, { seenByAda, seenByGrace });
    expectBeep(seenByAda?.sounds[0]);
    expectBeep(seenByGrace?.sounds[0]);
    const both = await server.node.holdings();
    expect(both).toEqual({ sessions: 2, transports: 4, producers: 4, consumers: 4, relays: 0 });

    const leaving = grace.leave();
    const goneAfterMs = await ada.seeLeave("Grace");
    await leaving;
    expect(goneAfterMs).toBeLessThan(2_000);
    await expect
      .poll(() => server.node.holdings(), { timeout: 2_000, interval: 50 })
      .toEqual({ sessions: 1, transports: 2, producers: 2, consumers: 0, relays: 0 });
    report("tile gone after", `${Math.round(goneAfterMs)} ms`);
  });

  it("a change of network renews both media paths, and the call goes on", async () => {
    const [ada, grace] = await Promise.all([join("Ada", { video: "180p" }), join("Grace", { video: "180p" })]);
    await Promise.all([ada.seePicture("Grace"), grace.seePicture("Ada")]);
    const before = await readIceUfrags(ada.page);
    expect(before).toHaveLength(4);
    await ada.page.evaluate("dispatchEvent(new Event('online'))");
    await expect
      .poll(async () => (await readIceUfrags(ada.page)).filter((ufrag) => before.includes(ufrag)), { timeout: 10_000 })
      .toEqual([]);
    await ada.page.waitForTimeout(1_000);
    const [seenByAda, seenByGrace] = await expectMoving([ada, grace], 2_000);
    expectBeep(seenByAda?.sounds[0]);
    expectBeep(seenByGrace?.sounds[0]);
    expect((await server.node.holdings()).transports).toBe(4);
  });

  it("who closes the window is gone as quickly", async () => {
    const [ada, grace] = await Promise.all([join("Ada", { video: "180p" }), join("Grace", { video: "180p" })]);
    await ada.seePicture("Grace");
    await grace.close();
    expect(await ada.seeLeave("Grace")).toBeLessThan(2_000);
  });
});

describe("every codec that browsers send", () => {
  let server: TestEmbedded;
  let browser: TestBrowser;

  beforeAll(async () => {
    [server, browser] = await Promise.all([TestEmbedded.start(), TestBrowser.launch()]);
  });
  afterEach(() => browser.closePages());
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  it.each([
    ["vp8", "video/VP8"],
    ["vp9", "video/VP9"],
    ["h264", "video/H264"],
    ["av1", "video/AV1"],
  ] as const)("%s is decoded by the other side, by a late one too", async (codec, mimeType) => {
    const options = { url: server.url, room: codec, codec, video: "180p" } as const;
    const ada = await Guest.join(browser, { ...options, name: "Ada" });
    await ada.page.waitForTimeout(1_000);
    const grace = await Guest.join(browser, { ...options, name: "Grace" });
    await Promise.all([ada.seePicture("Grace"), grace.seePicture("Ada")]);
    const [seen] = await expectMoving([grace], 1_500);
    report(codec, seen?.tiles);
    expect(await readReceivedVideoCodecs(grace.page)).toEqual([mimeType]);
  });
});
