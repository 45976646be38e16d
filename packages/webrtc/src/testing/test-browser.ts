import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { chromium } from "playwright-core";

/** A headless Chromium with fake devices, for tests: one page in a secure context with test-browser-page.js on it. */
export interface TestBrowser {
  readonly version: string;
  /** Calls a function of the page's kit. */
  call<Result>(name: string, argument?: unknown): Promise<Result>;
  close(): Promise<void>;
}

const FLAGS = [
  "--no-sandbox",
  "--allow-loopback-in-peer-connection",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
];

/** Starts the machine's Chromium. Rejects where there is none. */
export async function openBrowser(): Promise<TestBrowser> {
  const script = await readFile(new URL("test-browser-page.js", import.meta.url), "utf8");
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><title>test</title><script>${script}</script>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
    args: FLAGS,
  });
  const page = await browser.newPage();
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  return {
    version: browser.version(),
    call: <Result>(name: string, argument?: unknown) =>
      page.evaluate<Result>(`kit.${name}(${JSON.stringify(argument) ?? ""})`),
    async close() {
      await browser.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
