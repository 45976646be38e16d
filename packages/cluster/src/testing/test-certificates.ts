import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "./child-server.ts";

/** A certificate authority, and a certificate of its for localhost and 127.0.0.1. PEM. */
export interface TestCertificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const P256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Makes an authority of its own with each call, so that two calls do not trust each other. */
export function makeTestCertificates(): TestCertificates {
  const openssl = findProgram("openssl", "openssl");
  const folder = mkdtempSync(join(tmpdir(), "cation-certificates-"));
  const path = (name: string): string => join(folder, name);
  const run = (...args: string[]): void => void execFileSync(openssl, args, { stdio: "pipe" });
  try {
    run("req", "-x509", ...P256, "-days", "2", "-subj", "/CN=test-ca", "-keyout", path("ca.key"), "-out", path("ca"));
    run("req", ...P256, "-subj", "/CN=localhost", "-keyout", path("key"), "-out", path("request"));
    writeFileSync(path("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    const authority = ["-CA", path("ca"), "-CAkey", path("ca.key"), "-CAcreateserial", "-days", "2"];
    run("x509", "-req", "-in", path("request"), ...authority, "-extfile", path("names"), "-out", path("cert"));
    const [ca, cert, key] = ["ca", "cert", "key"].map((name) => readFileSync(path(name), "utf8"));
    return { ca: ca as string, cert: cert as string, key: key as string };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
