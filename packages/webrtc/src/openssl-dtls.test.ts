import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { loadNativeAddon } from "@cation/media-io/native-addon";
import { expect, it } from "vitest";
import { dtlsContract } from "./dtls.contract.ts";
import { createOpensslDtlsProvider } from "./openssl-dtls.ts";

// The sanitized build has its own place; see media-io's native/sanitize.ts.
const { addon, ...rest } = loadNativeAddon(process.env.CATION_MEDIA_IO_ADDON);

if (addon === undefined) {
  it("has an addon to test, or says why not", () => {
    // Without a compiler werift serves; that the reason is known is all there is to see.
    expect(rest).toMatchObject({ reason: expect.stringMatching(/\w/) });
  });
} else {
  const { DtlsServer } = addon;
  dtlsContract("openssl", async (options) => createOpensslDtlsProvider({ DtlsServer, ...options }));

  it("takes no certificate that OpenSSL cannot read", () => {
    const certificate = { certificatePem: "no", privateKeyPem: "no" };
    expect(() => createOpensslDtlsProvider({ DtlsServer, certificate })).toThrow();
  });

  it("ends with its thread in the middle of handshakes, ended or ending", async () => {
    const url = new URL("testing/dtls-worker.ts", import.meta.url);
    const workers = Array.from({ length: 4 }, () => new Worker(url, { env: process.env, execArgv: [] }));
    const ended = workers.map((worker) => once(worker, "exit"));
    await Promise.all(workers.map((worker) => once(worker, "message")));
    for (const [index, worker] of workers.entries()) {
      if (index % 2 === 0) void worker.terminate();
      else worker.postMessage("exit", []);
    }
    expect((await Promise.all(ended)).filter(([code]) => code === 0)).toHaveLength(2);
  });
}
