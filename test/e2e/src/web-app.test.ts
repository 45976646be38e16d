import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TestBrowser } from "./harness/browser.ts";
import type { TestBrowserOptions } from "./harness/browser.ts";
import { TestEmbedded } from "./harness/embedded.ts";
import { Guest } from "./harness/guest.ts";

/** What a person can do in the page beyond a call in which all goes well. */
describe("the web app", () => {
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

  const options = (room: string, name: string) => ({ url: server.url, room, name, video: "180p" }) as const;

  it("asks the server only, and throws nothing", async () => {
    const guest = await Guest.open(browser, options("requests", "Ada"));
    const hosts = new Set<string>();
    guest.page.on("request", (request) => hosts.add(new URL(request.url()).host));
    await guest.page.reload();
    await guest.enter();
    await guest.leave();
    expect([...hosts]).toEqual([new URL(server.url).host]);
    expect(guest.log).toEqual([]);
  });

  it("lets a room be left and joined again", async () => {
    const [ada, grace] = await Promise.all([
      Guest.join(browser, options("again", "Ada")),
      Guest.join(browser, options("again", "Grace")),
    ]);
    await ada.seePicture("Grace");
    await grace.leave();
    await ada.seeLeave("Grace");
    await grace.page.getByTestId("rejoin").click();
    await grace.page.locator('[data-testid="room-view"][data-state="connected"]').waitFor();
    await Promise.all([ada.seePicture("Grace"), grace.seePicture("Ada")]);
  });

  it("is worked by the keyboard alone", async () => {
    const guest = await Guest.open(browser, options("keyboard", "Ada"));
    await guest.page.locator('[data-testid="lobby"] video').waitFor();
    await guest.page.getByTestId("name").focus();
    await guest.page.keyboard.press("Enter");
    await guest.page.locator('[data-testid="room-view"][data-state="connected"]').waitFor();
    const microphone = guest.page.getByTestId("toggle-microphone");
    await expect.poll(() => microphone.getAttribute("aria-label")).toBe("Mute microphone");
    await guest.page.keyboard.press("m");
    await expect.poll(() => microphone.getAttribute("aria-label")).toBe("Unmute microphone");
    const camera = guest.page.getByTestId("toggle-camera");
    await guest.page.keyboard.press("v");
    await expect.poll(() => camera.getAttribute("aria-label")).toBe("Turn camera on");
  });

  it("says who speaks", async () => {
    const [ada] = await Promise.all([
      Guest.join(browser, options("speaking", "Ada")),
      Guest.join(browser, options("speaking", "Grace")),
    ]);
    await ada.tile("Grace").and(ada.page.locator('[data-speaking="true"]')).waitFor();
  });

  it("says what is wrong with an invitation that does not work", async () => {
    const guest = await Guest.open(browser, options("invitation", "Ada"));
    await guest.page.goto(`${server.url}/r/invitation?name=Ada&token=not.a.token`);
    await guest.page.getByTestId("join").click();
    const banner = guest.page.locator('[data-testid="lobby"] form [role="alert"]');
    expect(await banner.textContent()).toContain("invitation");
  });

  describe.each<[string, TestBrowserOptions, RegExp]>([
    ["are blocked", { grantDevices: false }, /blocked/],
    ["do not exist", { fakeDevices: false }, /found/],
  ])("where camera and microphone %s", (_, browserOptions, words) => {
    let bare: TestBrowser;

    beforeAll(async () => {
      bare = await TestBrowser.launch(browserOptions);
    });
    afterAll(() => bare?.close());

    it("says so, and lets people in to watch", async () => {
      const room = `bare ${String(words)}`;
      const ada = await Guest.join(browser, options(room, "Ada"));
      const grace = await Guest.open(bare, options(room, "Grace"));
      const problems = grace.page.getByTestId("device-problem");
      await expect.poll(() => problems.count()).toBe(2);
      for (const text of await problems.allTextContents()) expect(text).toMatch(words);
      await grace.page.getByTestId("join").click();
      await grace.seePicture("Ada");
      await ada.tile("Grace").waitFor();
      expect(await ada.tile("Grace").getAttribute("data-microphone")).toBe("off");
      await grace.leave();
      await ada.seeLeave("Grace");
    });
  });
});
