/**
 * `npm run cluster`: a cluster on this machine for development. Real redis-server and nats-server, two signal, two islb
 * and two sfu processes on loopback; one log with the process' name in front; Ctrl-C stops it.
 */
import { parseArgs, styleText } from "node:util";
import { WEB_ROOT } from "./build-web.ts";
import { isMain } from "./is-main.ts";
import { PLACEMENTS, startCluster } from "./local-cluster.ts";
import type { ClusterOptions, LocalCluster } from "./local-cluster.ts";

export { startCluster } from "./local-cluster.ts";
export type { ClusterOptions, LocalCluster } from "./local-cluster.ts";

const USAGE = `npm run cluster -- [options]

  --signals N, --islbs N, --sfus N   how many of each (default 2)
  --placement NAME                   ${PLACEMENTS.join(", ")}: pinned (the default) obeys ?node=sfu-1 in the address
  --log-level LEVEL                  of the services (default info)
`;

const COLORS = ["cyan", "magenta", "yellow", "green", "blue", "red", "cyanBright", "magentaBright"] as const;

type Print = (line: string) => void;

/** Prefixes lines with the name of the process they come from, each in its colour where the terminal has some. */
function createLinePrinter(print: Print): (name: string, line: string) => void {
  const colors = new Map<string, (typeof COLORS)[number]>();
  return (name, line) => {
    const color = colors.get(name) ?? COLORS[colors.size % COLORS.length] ?? "cyan";
    colors.set(name, color);
    print(`${styleText(color, name.padEnd(9))} ${line}`);
  };
}

function readOptions(argv: string[]): ClusterOptions {
  const { values } = parseArgs({
    args: argv,
    options: {
      signals: { type: "string", default: "2" },
      islbs: { type: "string", default: "2" },
      sfus: { type: "string", default: "2" },
      placement: { type: "string", default: "pinned" },
      "log-level": { type: "string", default: "info" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) throw new Error(USAGE);
  const level = values["log-level"];
  const placement = PLACEMENTS.find((name) => name === values.placement);
  if (!placement) throw new Error(`--placement ${values.placement} is none of ${PLACEMENTS.join(", ")}.\n\n${USAGE}`);
  return {
    signals: readCount("signals", values.signals),
    islbs: readCount("islbs", values.islbs),
    sfus: readCount("sfus", values.sfus),
    placement,
    webRoot: WEB_ROOT,
    wishUsualPorts: true,
    env: {
      signal: { CATION_SIGNAL_LOG_LEVEL: level },
      islb: { CATION_ISLB_LOG_LEVEL: level },
      sfu: { CATION_SFU_LOG_LEVEL: level },
    },
  };
}

function readCount(name: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 16) return count;
  throw new Error(`--${name} ${text} is not a number from 1 to 16.\n\n${USAGE}`);
}

function describe({ signals, sfus, redis, nats }: LocalCluster): string {
  const room = `dev-${Math.floor(Math.random() * 9000) + 1000}`;
  return [
    "",
    "The cluster runs. Ctrl-C stops it.",
    ...signals.map(({ name, url }) => `  ${name.padEnd(9)} ${url}/r/${room}`),
    ...sfus.map(({ name, adminUrl }) => `  ${name.padEnd(9)} ${adminUrl}/metrics`),
    `  redis     ${redis.url}`,
    `  nats      ${nats.url}`,
    "",
  ].join("\n");
}

async function main(): Promise<void> {
  const print: Print = (line) => void process.stdout.write(`${line}\n`);
  const options = readOptions(process.argv.slice(2));
  const starting = new AbortController();
  const running: { cluster?: LocalCluster } = {};
  let stopping: Promise<void> | undefined;

  const stop = (exitCode: number): void => {
    starting.abort();
    // A second Ctrl-C does not wait.
    if (stopping) void running.cluster?.kill().finally(() => process.exit(exitCode));
    stopping ??= (async () => {
      if (!running.cluster) return;
      await running.cluster.stop();
      print("Stopped.");
      process.exit(exitCode);
    })();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop(0));

  const died = (name: string, how: string): void => {
    if (stopping || !running.cluster) return;
    print(`\n${name} ended by itself (${how}). Stopping the cluster; the reason should stand above.\n`);
    stop(1);
  };
  print("Starting redis, nats, islb, sfu and signal…");
  const onLine = createLinePrinter(print);
  try {
    running.cluster = await startCluster({ ...options, onLine, onDied: died, signal: starting.signal });
    print(describe(running.cluster));
  } catch (error) {
    if (!starting.signal.aborted) throw error;
    print("Stopped.");
  }
}

if (isMain(import.meta.url)) {
  await main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
