import { X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { generate } from "selfsigned";

/** Key and certificate, PEM. */
export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

const DAY_MS = 86_400_000;
/** Browsers refuse certificates that hold longer than 398 days. */
const LIFETIME_MS = 365 * DAY_MS;
const RENEW_BEFORE_MS = 7 * DAY_MS;

/**
 * The machine's own self-signed certificate, from `folder`; made on first use, when it ends soon, or when the machine has
 * an address that it does not name. The same one each time, so that people accept it once.
 *
 * @param hosts names and addresses that it must hold for.
 */
export async function loadCertificate(folder: string, hosts: readonly string[], nowMs: number): Promise<TlsIdentity> {
  const path = join(folder, "self-signed.pem");
  const known = read(path);
  if (known && isUsable(known.cert, hosts, nowMs)) return known;
  const made = await make(hosts, nowMs);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(path, `${made.key}\n${made.cert}\n`, { mode: 0o600 });
  // The mode above counts for new files only.
  chmodSync(path, 0o600);
  return made;
}

function read(path: string): TlsIdentity | undefined {
  try {
    const text = readFileSync(path, "utf8");
    const key = /-----BEGIN (?:EC )?PRIVATE KEY-----[^]+?-----END (?:EC )?PRIVATE KEY-----/.exec(text)?.[0];
    const cert = /-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/.exec(text)?.[0];
    return key !== undefined && cert !== undefined ? { key, cert } : undefined;
  } catch {
    return undefined;
  }
}

function isUsable(pem: string, hosts: readonly string[], nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(pem);
    if (certificate.validToDate.getTime() - RENEW_BEFORE_MS < nowMs) return false;
    return hosts.every(
      (host) => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined,
    );
  } catch {
    return false;
  }
}

async function make(hosts: readonly string[], nowMs: number): Promise<TlsIdentity> {
  const altNames = hosts.map((host) =>
    isIP(host) === 0 ? ({ type: 2, value: host } as const) : ({ type: 7, ip: host } as const),
  );
  const made = await generate([{ name: "commonName", value: "cation on this machine" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: new Date(nowMs - DAY_MS),
    notAfterDate: new Date(nowMs + LIFETIME_MS),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames },
    ],
  });
  return { key: made.private, cert: made.cert };
}
