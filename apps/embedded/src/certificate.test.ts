import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadCertificate } from "./certificate.ts";

const NOW_MS = Date.UTC(2030, 0, 1);
const DAY_MS = 86_400_000;
const hosts = ["localhost", "127.0.0.1", "::1", "192.168.1.20"];
let folder: string;

beforeEach(() => (folder = join(mkdtempSync(join(tmpdir(), "cation-certificate-")), "cation")));
afterEach(() => rmSync(join(folder, ".."), { recursive: true }));

test("holds for every host, is kept for its owner alone, and stays the same", async () => {
  const { key, cert } = await loadCertificate(folder, hosts, NOW_MS);
  const certificate = new X509Certificate(cert);
  expect(certificate.checkHost("localhost")).toBe("localhost");
  for (const address of hosts.slice(1)) expect(certificate.checkIP(address)).toBe(address);
  expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(statSync(join(folder, "self-signed.pem")).mode & 0o777).toBe(0o600);
  expect((await loadCertificate(folder, hosts, NOW_MS + 300 * DAY_MS)).cert).toBe(cert);
  expect((await loadCertificate(folder, hosts.slice(0, 2), NOW_MS)).cert).toBe(cert);
});

test("is made anew when it ends soon, lacks an address, or cannot be read", async () => {
  const { cert } = await loadCertificate(folder, hosts, NOW_MS);
  const later = await loadCertificate(folder, hosts, NOW_MS + 360 * DAY_MS);
  expect(later.cert).not.toBe(cert);
  const moved = await loadCertificate(folder, [...hosts, "10.0.0.9"], NOW_MS + 360 * DAY_MS);
  expect(new X509Certificate(moved.cert).checkIP("10.0.0.9")).toBe("10.0.0.9");
  writeFileSync(join(folder, "self-signed.pem"), "-----BEGIN CERTIFICATE-----\nnonsense");
  const repaired = await loadCertificate(folder, hosts, NOW_MS);
  expect(new X509Certificate(repaired.cert).checkHost("localhost")).toBe("localhost");
});
