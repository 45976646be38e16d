import { X509Certificate, createHash, createHmac, timingSafeEqual, verify } from "node:crypto";

/** The checks on a DTLS 1.2 client that prove who it is. Pure functions over bytes. */

/** SignatureAndHashAlgorithm (RFC 5246 §7.4.1.4.1) of what CertificateRequest asks for, with the key each needs. */
const SIGNATURE_KEY_TYPES: Readonly<Record<number, string>> = { 0x0401: "rsa", 0x0403: "ec" };
const VERIFY_DATA_BYTES = 12;

/** The first certificate of a Certificate message (RFC 5246 §7.4.2), DER; `undefined` when there is none. */
export function firstCertificate(body: Buffer): Buffer | undefined {
  if (body.length < 6 || body.readUIntBE(0, 3) !== body.length - 3) return undefined;
  const length = body.readUIntBE(3, 3);
  return length > 0 && length <= body.length - 6 ? body.subarray(6, 6 + length) : undefined;
}

/**
 * Whether a CertificateVerify message (RFC 5246 §7.4.8) is a signature over the transcript by the certificate's key.
 * `transcript`: all handshake messages before it. False for anything that cannot be read.
 */
export function isCertificateVerifyValid(body: Buffer, certificateDer: Buffer, transcript: Buffer): boolean {
  if (body.length < 4 || body.readUInt16BE(2) !== body.length - 4) return false;
  const keyType = SIGNATURE_KEY_TYPES[body.readUInt16BE(0)];
  try {
    const key = new X509Certificate(certificateDer).publicKey;
    if (keyType === undefined || key.asymmetricKeyType !== keyType) return false;
    return verify("sha256", transcript, key, body.subarray(4));
  } catch {
    return false;
  }
}

/**
 * Whether the client's Finished (RFC 5246 §7.4.9) has the right verify_data for the transcript before it. All cipher
 * suites offered here use the PRF with SHA-256.
 */
export function isClientFinishedValid(body: Buffer, masterSecret: Buffer, transcript: Buffer): boolean {
  if (body.length !== VERIFY_DATA_BYTES) return false;
  const seed = Buffer.concat([Buffer.from("client finished"), createHash("sha256").update(transcript).digest()]);
  // P_hash (RFC 5246 §5): one round gives 32 bytes.
  const a1 = createHmac("sha256", masterSecret).update(seed).digest();
  const expected = createHmac("sha256", masterSecret).update(a1).update(seed).digest();
  return timingSafeEqual(expected.subarray(0, VERIFY_DATA_BYTES), body);
}
