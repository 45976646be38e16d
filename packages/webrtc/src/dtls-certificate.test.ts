import { X509Certificate, createPrivateKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createDtlsCertificate, fingerprintOf, matchesFingerprint } from "./dtls-certificate.ts";

const NOW_MS = Date.UTC(2025, 5, 1, 12);

describe("createDtlsCertificate", () => {
  const { certificatePem, privateKeyPem } = createDtlsCertificate(NOW_MS);
  const certificate = new X509Certificate(certificatePem);

  it("signs itself with a P-256 key of its own", () => {
    const key = createPrivateKey(privateKeyPem);
    expect(certificate.checkPrivateKey(key)).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect(certificate.subject).toBe("CN=cation");
    expect(certificate.issuer).toBe("CN=cation");
  });

  it("is valid from a day ago for a year", () => {
    expect(certificate.validFromDate).toEqual(new Date(NOW_MS - 86_400_000));
    expect(certificate.validToDate).toEqual(new Date(NOW_MS + 365 * 86_400_000));
  });

  it("is another each time, with a positive serial number", () => {
    const serials = Array.from({ length: 20 }, () => {
      const { serialNumber } = new X509Certificate(createDtlsCertificate(NOW_MS).certificatePem);
      return BigInt(`0x${serialNumber}`);
    });
    expect(new Set(serials).size).toBe(20);
    expect(serials.every((serial) => serial > 0n && serial < 2n ** 127n)).toBe(true);
  });

  it("has the fingerprint that others read from it", () => {
    expect(fingerprintOf(certificate.raw)).toEqual({ algorithm: "sha-256", value: certificate.fingerprint256 });
    expect(fingerprintOf(certificate.raw, "sha-512").value).toBe(certificate.fingerprint512);
  });

  it("matches its own fingerprints only", () => {
    const { raw } = certificate;
    const other = fingerprintOf(new X509Certificate(createDtlsCertificate(NOW_MS).certificatePem).raw);
    expect(matchesFingerprint(raw, [other, fingerprintOf(raw, "sha-384")])).toBe(true);
    expect(matchesFingerprint(raw, [other])).toBe(false);
    expect(matchesFingerprint(raw, [])).toBe(false);
    const names = ["sha-1", "md5", "constructor", "SHA-256"];
    const unknown = names.map((algorithm) => ({ algorithm, value: fingerprintOf(raw).value }));
    expect(matchesFingerprint(raw, unknown)).toBe(false);
  });
});
