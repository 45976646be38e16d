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
}
