import { existsSync } from "node:fs";
import { homedir, hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { loadIslbConfig } from "@cation/islb/islb-config";
import { systemClock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import { openTracer } from "@cation/service-kit/open-tracer";
import { runService } from "@cation/service-kit/service";
import { loadSfuConfig } from "@cation/sfu/sfu-config";
import { loadSignalConfig } from "@cation/signal/signal-config";
import { formatBanner } from "./banner.ts";
import { loadCertificate } from "./certificate.ts";
import type { TlsIdentity } from "./certificate.ts";
import { createEmbedded } from "./create-embedded.ts";
import type { EmbeddedDeps } from "./create-embedded.ts";
import { findLanAddresses } from "./network-addresses.ts";
import { readOptions, USAGE } from "./options.ts";
import type { EmbeddedOptions } from "./options.ts";
import { makeRoomName } from "./room-name.ts";

const WEB_ROOT = join(import.meta.dirname, "../../web/dist");
const CLOSE_TIMEOUT_MS = 5000;

/** Addresses of this machine that others may use, as far as --host lets them. */
function findOpenAddresses({ host }: EmbeddedOptions): string[] {
  if (host === undefined) return [];
  return host === "all" ? findLanAddresses(networkInterfaces()) : [host];
}

/** Settings of the services: the command line goes before the environment, that before what fits one process. */
function readConfigs(
  options: EmbeddedOptions,
  addresses: readonly string[],
): Pick<EmbeddedDeps, "signal" | "islb" | "sfu"> {
  const isOpen = options.host !== undefined;
  const everywhere = addresses.some((address) => address.includes(":")) ? "::" : "0.0.0.0";
  const bindAddress = options.host === "all" ? everywhere : options.host;
  const announced = options.host === undefined || options.host === "all" ? ["127.0.0.1", ...addresses] : addresses;
  const { env } = process;
  const signal = loadSignalConfig({
    CATION_SIGNAL_MODE: "development",
    CATION_SIGNAL_WEB_ROOT: WEB_ROOT,
    CATION_SIGNAL_DRAIN_SPREAD_MS: "0",
    ...env,
    CATION_SIGNAL_HTTP_HOST: bindAddress ?? "localhost",
    CATION_SIGNAL_HTTP_PORT: String(options.port),
  });
  const sfu = loadSfuConfig({
    CATION_SFU_MODE: "development",
    CATION_SFU_NODE_ID: "embedded",
    CATION_SFU_ANNOUNCED_ADDRESSES: announced.join(","),
    ...env,
    CATION_SFU_MEDIA_HOST: bindAddress ?? "127.0.0.1",
    CATION_SFU_MEDIA_PORT: String(options.udpPort),
    CATION_SFU_MEDIA_BACKEND: options.mediaBackend,
  });
  if (isOpen && signal.mode === "development") {
    process.stderr.write(
      "Everybody who reaches this machine can enter every room: tokens are given to whoever asks.\n",
    );
  }
  return { signal, sfu, islb: loadIslbConfig(env) };
}

/** Where programs keep what can be made again, on this system. */
function findCacheFolder(): string {
  const { env } = process;
  const home = homedir();
  if (env["XDG_CACHE_HOME"]) return join(env["XDG_CACHE_HOME"], "cation");
  if (process.platform === "darwin") return join(home, "Library/Caches/cation");
  if (process.platform === "win32") return join(env["LOCALAPPDATA"] ?? home, "cation");
  return join(home, ".cache/cation");
}

async function findTls(options: EmbeddedOptions, addresses: readonly string[]): Promise<{ tls?: TlsIdentity }> {
  if (options.host === undefined) return {};
  const hosts = ["localhost", hostname(), "127.0.0.1", "::1", ...addresses];
  return { tls: await loadCertificate(findCacheFolder(), [...new Set(hosts)], Date.now()) };
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return void process.stdout.write(USAGE);
  if (!existsSync(join(WEB_ROOT, "index.html"))) {
    throw new CodedError("CONFIG_INVALID", "The web app is not built. Start with `npm start`, which builds it first.");
  }
  const addresses = findOpenAddresses(options);
  const loggerFor = (service: string) =>
    createLogger({ service, level: options.logLevel, format: "pretty", colors: process.stdout.isTTY });
  const configs = readConfigs(options, addresses);
  const { traceEndpoint: endpoint, traceSampleRatio: sampleRatio } = configs.signal;
  const tracer = await openTracer({ service: "embedded", endpoint, sampleRatio });
  const embedded = await createEmbedded({
    ...configs,
    ...(await findTls(options, addresses)),
    clock: systemClock,
    random: Math.random,
    loggerFor,
    tracer,
  });
  const service = {
    async start() {
      await embedded.start().catch((error: unknown) => {
        throw new CodedError("CONFIG_INVALID", explain(error), { cause: error });
      });
      const { port, mediaPort, mediaBackend } = embedded;
      const room = makeRoomName(Math.random);
      process.stdout.write(formatBanner({ options, port, mediaPort, mediaBackend, addresses, room }));
    },
    drain: () => embedded.drain(),
    async close() {
      await embedded.close();
      await tracer?.close();
    },
  };
  const logger = loggerFor("embedded");
  await runService({
    service,
    logger,
    clock: systemClock,
    process,
    drainTimeoutMs: 0,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
  });
}

/** A port in use is the one thing that goes wrong often: say what to do. */
function explain(error: unknown): string {
  const message = error instanceof CodedError ? error.message : String(error);
  return /in use|EADDRINUSE/.test(message) ? `${message}\nFor example: npm start -- --port 8090 --udp-port 0` : message;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
}
