/**
 * The image's HEALTHCHECK: asks /healthz of whichever service is process 1. Plain JavaScript, started every few seconds.
 * Kubernetes does not use it: it has probes of its own.
 */
import { readFileSync } from "node:fs";
import process, { env } from "node:process";

const PORTS = {
  signal: env.CATION_SIGNAL_ADMIN_PORT || env.CATION_SIGNAL_HTTP_PORT || "8080",
  islb: env.CATION_ISLB_ADMIN_PORT || "7180",
  sfu: env.CATION_SFU_ADMIN_PORT || "7280",
};

const commandLine = readFileSync(`/proc/${process.argv[2] ?? 1}/cmdline`, "utf8");
const service = /services\/(signal|islb|sfu)\//.exec(commandLine)?.[1];
if (service === undefined) {
  console.error("Process 1 is none of signal, islb and sfu.");
  process.exit(1);
}
const scheme =
  service === "signal" && env.CATION_SIGNAL_TLS_CERT_FILE && !env.CATION_SIGNAL_ADMIN_PORT ? "https" : "http";
// The certificate is for the name that clients use, not for loopback.
if (scheme === "https") env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
try {
  const response = await fetch(`${scheme}://127.0.0.1:${PORTS[service]}/healthz`, {
    signal: AbortSignal.timeout(2500),
  });
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  console.error(`/healthz of ${service} does not answer: ${error}`);
  process.exitCode = 1;
}
