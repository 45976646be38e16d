import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { loadNativeAddon } from "./native-addon.ts";

const loaded = loadNativeAddon(process.env.CATION_MEDIA_IO_ADDON);

/** The addon in threads of one process, as the workers of an sfu have it. */
describe.skipIf(loaded.addon === undefined)("native backend in worker threads", () => {
  it.each([0, 2])("ends with its thread, closed or not, %s sender threads", async (threads) => {
    const fixture = new URL("./testing/native-worker.ts", import.meta.url);
    const workers = Array.from({ length: 3 }, () => new Worker(fixture, { workerData: { threads }, env: process.env }));
    const ports = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0] as number));
    expect(new Set(ports).size).toBe(3);
    // One is ended while it sends, one is asked to close, one just ends while its socket is open.
    const ended = workers.map((worker) => once(worker, "exit"));
    void workers[0].terminate();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
    workers[1].postMessage("close");
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
    workers[2].postMessage("exit");
    const codes = (await Promise.all(ended)).map(([code]) => code as number);
    expect(codes.slice(1)).toEqual([0, 0]);
  });
});
