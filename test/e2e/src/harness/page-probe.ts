import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { ClientMessage } from "@cation/proto/client/v1/client";
import type { Page } from "playwright-core";
import type { MeasureOptions, PageMeasurement, SentVideo } from "../page/measurements.ts";

/** Chromium's fake microphone beeps twice a second with a square wave of this frequency (media/audio/simple_sources). */
const FAKE_TONE_HZ = 400;
/** Between the first and the third harmonic of a square wave. */
const BESIDE_TONE_HZ = 800;

/** Prepares a page for measuring. Called before it is opened. */
export async function probePage(page: Page): Promise<void> {
  const source = await readFile(new URL("../page/probe.ts", import.meta.url), "utf8");
  await page.addInitScript(`{${stripTypeScriptTypes(source)}}`);
}

/** Watches and listens to everybody else on a page. */
export function measurePage(page: Page, durationMs: number): Promise<PageMeasurement> {
  const options: MeasureOptions = { durationMs, toneHz: FAKE_TONE_HZ, besideHz: BESIDE_TONE_HZ };
  return page.evaluate<PageMeasurement>(`probe.measure(${JSON.stringify(options)})`);
}

/** Size and frames of the largest encoding that the page sends. */
export function measureSent(page: Page): Promise<SentVideo> {
  return page.evaluate<SentVideo>("probe.measureSent()");
}

/** Codecs of the video that the page receives, for example "video/VP9". */
export function readReceivedVideoCodecs(page: Page): Promise<string[]> {
  return page.evaluate<string[]>("probe.receivedVideoCodecs()");
}

/** Sends a message over the page's link to signal, as its SDK would. */
export async function sendToSignal(page: Page, message: ClientMessage["request"], requestId: number): Promise<void> {
  const bytes = ClientMessage.encode({ requestId, request: message }).finish();
  await page.evaluate(`probe.sendToSignal(${JSON.stringify(Buffer.from(bytes).toString("base64"))})`);
}

/** ICE user names of the page's connections, its own and the server's. */
export function readIceUfrags(page: Page): Promise<string[]> {
  return page.evaluate<string[]>("probe.iceUfrags()");
}

/** Waits until a moving picture is in the element. Returns how long that took. */
export async function waitForPicture(page: Page, selector: string, timeoutMs: number): Promise<number> {
  const tookMs = await page.evaluate<number | undefined>(
    `probe.waitForPicture(${JSON.stringify(selector)}, ${timeoutMs})`,
  );
  if (tookMs === undefined) throw new Error(`No picture in ${selector} after ${timeoutMs} ms.`);
  return tookMs;
}
