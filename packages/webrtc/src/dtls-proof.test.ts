import { X509Certificate, createHash, createHmac, generateKeyPairSync, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDtlsCertificate } from "./dtls-certificate.ts";
import { firstCertificate, isCertificateVerifyValid, isClientFinishedValid } from "./dtls-proof.ts";

const TRANSCRIPT = Buffer.from("hello, certificate, key exchange");
const { certificatePem, privateKeyPem } = createDtlsCertificate(Date.now());
const DER = new X509Certificate(certificatePem).raw;

function certificateVerify(algorithm: number, signature: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(algorithm, 0);
  header.writeUInt16BE(signature.length, 2);
  return Buffer.concat([header, signature]);
}

const signed = (transcript = TRANSCRIPT, key = privateKeyPem): Buffer => sign("sha256", transcript, key);

describe("isCertificateVerifyValid", () => {
  it("takes the signature of the certificate's key over the transcript", () => {
    expect(isCertificateVerifyValid(certificateVerify(0x0403, signed()), DER, TRANSCRIPT)).toBe(true);
  });

  it.each([
    ["another transcript", certificateVerify(0x0403, signed(Buffer.from("other")))],
    ["another key", certificateVerify(0x0403, signed(TRANSCRIPT, createDtlsCertificate(Date.now()).privateKeyPem))],
    ["an algorithm that the key is not of", certificateVerify(0x0401, signed())],
    ["an algorithm that was not asked for", certificateVerify(0x0203, signed())],
    ["no signature", certificateVerify(0x0403, Buffer.alloc(0))],
    ["a wrong length", Buffer.concat([certificateVerify(0x0403, signed()), Buffer.of(0)])],
    ["nothing", Buffer.alloc(0)],
  ])("does not take %s", (_, body) => {
    expect(isCertificateVerifyValid(body, DER, TRANSCRIPT)).toBe(false);
  });

  it("does not take an Ed25519 key, nor a certificate that is none", () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const body = certificateVerify(0x0403, sign(null, TRANSCRIPT, privateKey));
    expect(isCertificateVerifyValid(body, DER, TRANSCRIPT)).toBe(false);
    expect(isCertificateVerifyValid(certificateVerify(0x0403, signed()), Buffer.from("no"), TRANSCRIPT)).toBe(false);
  });

  it("survives any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.uint8Array({ maxLength: 120 }), (body, der) => {
        expect(isCertificateVerifyValid(Buffer.from(body), Buffer.from(der), TRANSCRIPT)).toBe(false);
      }),
    );
  });
});

describe("isClientFinishedValid", () => {
  const masterSecret = Buffer.alloc(48, 5);

  /** RFC 5246 §5, written out. */
  function verifyData(label: string): Buffer {
    const seed = Buffer.concat([Buffer.from(label), createHash("sha256").update(TRANSCRIPT).digest()]);
    const hmac = (data: Buffer): Buffer => createHmac("sha256", masterSecret).update(data).digest();
    return hmac(Buffer.concat([hmac(seed), seed])).subarray(0, 12);
  }

  it("takes the client's verify_data, and nothing else", () => {
    const right = verifyData("client finished");
    expect(isClientFinishedValid(right, masterSecret, TRANSCRIPT)).toBe(true);
    expect(isClientFinishedValid(verifyData("server finished"), masterSecret, TRANSCRIPT)).toBe(false);
    expect(isClientFinishedValid(right, Buffer.alloc(48, 6), TRANSCRIPT)).toBe(false);
    expect(isClientFinishedValid(right, masterSecret, Buffer.alloc(1))).toBe(false);
    expect(isClientFinishedValid(right.subarray(0, 11), masterSecret, TRANSCRIPT)).toBe(false);
    expect(isClientFinishedValid(Buffer.alloc(0), masterSecret, TRANSCRIPT)).toBe(false);
  });
});

describe("firstCertificate", () => {
  it("reads the first of a list", () => {
    expect(firstCertificate(Buffer.from("000009000001aa000002bbcc", "hex"))).toEqual(Buffer.of(0xaa));
  });

  it.each(["", "000000", "000003000000", "000009000001aa", "000004000002aa", "00000400000aaa"])(
    "reads nothing from %j",
    (hex) => {
      expect(firstCertificate(Buffer.from(hex, "hex"))).toBeUndefined();
    },
  );
});
