import { X509Certificate, createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { DtlsFingerprint } from "./dtls.ts";

/** A certificate with its private key, both PEM. */
export interface DtlsCertificate {
  readonly certificatePem: string;
  /** PKCS #8. */
  readonly privateKeyPem: string;
}

/** Hash functions whose fingerprints are taken (RFC 8122 §5), by their name in SDP. */
export const FINGERPRINT_HASHES: Readonly<Record<string, string>> = {
  "sha-256": "sha256",
  "sha-384": "sha384",
  "sha-512": "sha512",
};

const DAY_MS = 86_400_000;
/** Clocks of clients may be behind. */
const BACKDATED_MS = DAY_MS;

/**
 * A new self-signed ECDSA P-256 certificate (RFC 8827 §6.5). Nobody checks its name or dates: the fingerprint in SDP
 * stands for it.
 */
export function createDtlsCertificate(nowMs: number, validDays = 365): DtlsCertificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, Buffer.from("cation")))));
  const validity = sequence(time(nowMs - BACKDATED_MS), time(nowMs + validDays * DAY_MS));
  const body = sequence(
    tagged(0xa0, integer(Buffer.of(2))),
    integer(randomBytes(16)),
    ECDSA_WITH_SHA256,
    name,
    validity,
    name,
    publicKey.export({ format: "der", type: "spki" }),
  );
  const signature = sign("sha256", body, privateKey);
  const der = sequence(body, ECDSA_WITH_SHA256, tagged(0x03, Buffer.of(0), signature));
  return {
    certificatePem: new X509Certificate(der).toString(),
    privateKeyPem: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
  };
}

/** Digest of a DER certificate as SDP writes it. `algorithm` is one of FINGERPRINT_HASHES. */
export function fingerprintOf(der: Uint8Array, algorithm = "sha-256"): DtlsFingerprint {
  const digest = createHash(FINGERPRINT_HASHES[algorithm] ?? "sha256")
    .update(der)
    .digest("hex");
  return { algorithm, value: (digest.toUpperCase().match(/../g) ?? []).join(":") };
}

/** Whether any of the announced fingerprints is this certificate's. Unknown hash functions match nothing. */
export function matchesFingerprint(der: Uint8Array, expected: readonly DtlsFingerprint[]): boolean {
  return expected.some(
    ({ algorithm, value }) =>
      Object.hasOwn(FINGERPRINT_HASHES, algorithm) && fingerprintOf(der, algorithm).value === value,
  );
}

/** DER, as much as a certificate needs (X.690 §8). */
const COMMON_NAME = Buffer.from("0603550403", "hex");
const ECDSA_WITH_SHA256 = Buffer.from("300a06082a8648ce3d040302", "hex");

function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), value]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), value]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >>> 8, length & 0xff), value]);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, ...parts);
}

/** A positive integer: the top bit of the first byte is cleared. */
function integer(bytes: Buffer): Buffer {
  const value = Buffer.from(bytes);
  value[0] = ((value[0] ?? 0) & 0x7f) | (bytes.length > 1 ? 0x40 : 0);
  return tagged(0x02, value);
}

/** UTCTime, good until 2049. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
}
