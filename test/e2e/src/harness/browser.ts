import { requireTool } from "../../../../scripts/test-tools.ts";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from "playwright-core";

/** What a headless Chromium needs on a machine that may have no network interface but loopback, and no devices. */
const FLAGS = [
  "--no-sandbox",
  "--allow-loopback-in-peer-connection",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
  "--auto-select-desktop-capture-source=Entire screen",
];

export interface TestBrowserOptions {
  /** Grant camera and microphone without asking. Default: true. */
  readonly grantDevices?: boolean;
  /** Have a fake camera and microphone at all. Default: true. */
  readonly fakeDevices?: boolean;
}

/** A Chromium with a fresh profile. Each page is a person of its own: its own context, storage and process. */
export class TestBrowser {
  readonly #browser: Browser;
  readonly #contexts = new Set<BrowserContext>();

  /** Starts the machine's Chromium; `CHROMIUM_PATH` names another one. */
  static async launch(options: TestBrowserOptions = {}): Promise<TestBrowser> {
    const left = new Set<string>();
    if (options.grantDevices === false) left.add("--use-fake-ui-for-media-stream");
    if (options.fakeDevices === false) left.add("--use-fake-device-for-media-stream");
    const browser = await chromium.launch({
      executablePath: requireTool("chromium", process.env),
      args: FLAGS.filter((flag) => !left.has(flag)),
    });
    return new TestBrowser(browser);
  }

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** A person with a profile of their own. */
  async newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await this.#browser.newContext({ viewport: { width: 800, height: 500 }, ...options });
    this.#contexts.add(context);
    context.on("close", () => this.#contexts.delete(context));
    return context;
  }

  /** Closes every page, as people who close their windows; the browser stays for the next test. */
  async closePages(): Promise<void> {
    await Promise.all([...this.#contexts].map((context) => context.close()));
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}
