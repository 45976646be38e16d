import type { BrowserContext, Locator, Page } from "playwright-core";
import type { TestBrowser } from "./browser.ts";
import { probePage, waitForPicture } from "./page-probe.ts";

export interface GuestOptions {
  /** Base address of the web app, of one signal node. */
  readonly url: string;
  readonly room: string;
  readonly name: string;
  /** Media node to be placed on, where the cluster lets clients choose. */
  readonly nodeId?: string;
  /** Height of the picture that is sent. Default: 360p, which two cores encode for several pages. */
  readonly video?: "180p" | "360p" | "720p";
  readonly codec?: "vp8" | "vp9" | "h264" | "av1";
  /** Send sound with redundancy (RED). */
  readonly redundancy?: boolean;
}

/** What the page wrote on its console and threw, newest last; shown when a test fails. */
type PageLog = string[];

/** Somebody with a browser: opens the web app, joins a room, and does what people do there. */
export class Guest {
  readonly name: string;
  readonly page: Page;
  readonly log: PageLog;
  readonly #context: BrowserContext;

  /** Opens the lobby. */
  static async open(browser: TestBrowser, options: GuestOptions): Promise<Guest> {
    const context = await browser.newContext();
    const page = await context.newPage();
    const log: PageLog = [];
    page.on("console", (message) => log.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => log.push(`uncaught: ${error.message}`));
    await probePage(page);
    const query = new URLSearchParams({
      name: options.name,
      video: options.video ?? "360p",
      ...(options.nodeId === undefined ? {} : { node: options.nodeId }),
      ...(options.codec === undefined ? {} : { codec: options.codec }),
      ...(options.redundancy === true ? { audio: "red" } : {}),
    });
    await page.goto(`${options.url}/r/${encodeURIComponent(options.room)}?${query.toString()}`);
    return new Guest(options.name, context, page, log);
  }

  /** Opens the lobby and joins. */
  static async join(browser: TestBrowser, options: GuestOptions): Promise<Guest> {
    const guest = await Guest.open(browser, options);
    await guest.enter();
    return guest;
  }

  private constructor(name: string, context: BrowserContext, page: Page, log: PageLog) {
    this.name = name;
    this.#context = context;
    this.page = page;
    this.log = log;
  }

  /** Joins from the lobby, once the camera runs. Returns when the room is connected. */
  async enter(): Promise<void> {
    await this.page.locator('[data-testid="lobby"] video').waitFor();
    await this.page.getByTestId("join").click();
    await this.page.locator('[data-testid="room-view"][data-state="connected"]').waitFor();
  }

  /** Node that serves this guest's media. */
  async nodeId(): Promise<string> {
    return (await this.page.getByTestId("room-view").getAttribute("data-node")) ?? "";
  }

  /** Names on the tiles of the others. */
  async others(): Promise<string[]> {
    const tiles = await this.page.locator('[data-testid="tile"][data-self="false"]').all();
    const names = await Promise.all(tiles.map((tile) => tile.getAttribute("data-name")));
    return names.map((name) => name ?? "").toSorted();
  }

  /** The tile of somebody else. */
  tile(name: string): Locator {
    return this.page.locator(tileOf(name, "person"));
  }

  /** Waits until somebody else's picture is shown. Returns how long that took. */
  seePicture(name: string, kind: "person" | "screen" = "person", timeoutMs = 20_000): Promise<number> {
    return waitForPicture(this.page, tileOf(name, kind), timeoutMs);
  }

  /** Waits until somebody else is gone. Returns how long that took. */
  async seeLeave(name: string, kind: "person" | "screen" = "person", timeoutMs = 10_000): Promise<number> {
    const startedAtMs = performance.now();
    await this.page.locator(tileOf(name, kind)).waitFor({ state: "detached", timeout: timeoutMs });
    return performance.now() - startedAtMs;
  }

  async press(button: "toggle-microphone" | "toggle-camera" | "toggle-screen" | "leave" | "copy-link"): Promise<void> {
    await this.page.getByTestId(button).click();
  }

  /** Leaves by the button. */
  async leave(): Promise<void> {
    await this.press("leave");
    await this.page.getByTestId("left").waitFor();
  }

  /** Closes the window, without a word. */
  async close(): Promise<void> {
    await this.#context.close();
  }
}

/** The tile of somebody else. */
function tileOf(name: string, kind: "person" | "screen"): string {
  return `[data-testid="tile"][data-self="false"][data-kind="${kind}"][data-name="${name}"]`;
}
