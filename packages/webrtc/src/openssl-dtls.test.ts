import { loadNativeAddon } from "@cation/media-io/native-addon";
import { expect, it } from "vitest";
import { dtlsContract } from "./dtls.contract.ts";
import { OpensslDtlsProvider } from "./openssl-dtls.ts";

const { addon, ...rest } = loadNativeAddon();

if (addon === undefined) {
  it("has an addon to test, or says why not", () => {
    // Without a compiler werift serves; that the reason is known is all there is to see.
    expect(rest).toMatchObject({ reason: expect.stringMatching(/\w/) });
  });
} else {
  const { DtlsServer } = addon;
  dtlsContract("openssl", async (options) => new OpensslDtlsProvider({ DtlsServer, ...options }));

  it("takes no certificate that OpenSSL cannot read", () => {
    const certificate = { certificatePem: "no", privateKeyPem: "no" };
    expect(() => new OpensslDtlsProvider({ DtlsServer, certificate })).toThrow();
  });
}
