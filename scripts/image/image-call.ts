import { spawn } from "node:child_process";
import { join } from "node:path";
import { startCluster } from "../local-cluster.ts";
import type { ServiceCommand } from "../local-cluster.ts";
import { parentDeathPrefix } from "../supervised-process.ts";

const BOTS = join(import.meta.dirname, "../../load/bots/main.ts");
const CALL_SECONDS = 8;

/** What two bots saw of each other. */
export interface CallFinding {
  /** Slowest first picture; undefined where somebody saw none. */
  readonly firstFrameMs: number | undefined;
  readonly tracks: number;
  readonly errors: readonly string[];
}

/**
 * Has two bots call each other over two nodes of a cluster whose services are the image's: what the single checks of
 * the image cannot show is that its parts work together. Redis and NATS are the machine's.
 */
export async function callOverImage(serviceCommand: ServiceCommand): Promise<CallFinding> {
  const cluster = await startCluster({ signals: 1, islbs: 1, sfus: 2, placement: "pinned", serviceCommand });
  try {
    const url = cluster.signals[0]?.url ?? "";
    const reports = await Promise.all(cluster.sfus.map(({ nodeId }) => runBot(url, nodeId)));
    const frames = reports.map(({ firstFrameMs }) => firstFrameMs);
    return {
      firstFrameMs: frames.includes(undefined) ? undefined : Math.max(...frames.map(Number)),
      tracks: reports.reduce((sum, { received }) => sum + received.length, 0),
      errors: reports.flatMap(({ errors }) => errors),
    };
  } finally {
    await cluster.stop();
  }
}

interface Report {
  readonly firstFrameMs?: number;
  readonly received: readonly unknown[];
  readonly errors: readonly string[];
}

function runBot(url: string, nodeId: string): Promise<Report> {
  const options = ["--url", url, "--room", "image", "--identity", nodeId, "--node", nodeId, "--publish", "audio,video"];
  const [program = "", ...args] = [
    ...parentDeathPrefix(),
    ...[process.execPath, BOTS, ...options, "--seconds", String(CALL_SECONDS), "--json"],
  ];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("close", () => {
      const text = Buffer.concat(output).toString();
      const line = text.split("\n").find((one) => one.startsWith("["));
      if (line === undefined) return reject(new Error(`A bot reported nothing:\n${text}`));
      resolve((JSON.parse(line) as readonly Report[])[0] ?? { received: [], errors: ["no report"] });
    });
  });
}
