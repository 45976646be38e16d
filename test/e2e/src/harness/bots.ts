import { spawn } from "node:child_process";
import { join } from "node:path";
import { parentDeathPrefix } from "../../../../scripts/supervised-process.ts";
import type { BotReport } from "../../../../load/bots/bot.ts";

const MAIN = join(import.meta.dirname, "../../../../load/bots/main.ts");

export interface BotsOptions {
  /** Base address of a signal node. */
  readonly url: string;
  readonly room: string;
  readonly count: number;
  /** Identities are this and a number. */
  readonly identity: string;
  readonly nodeId: string;
}

/** Headless clients in a process of their own, which publish sound and picture and watch everybody. */
export class Bots {
  readonly #exited: Promise<string>;
  readonly #stop: () => void;

  constructor({ url, room, count, identity, nodeId }: BotsOptions) {
    const options = ["--url", url, "--room", room, "--bots", String(count), "--identity", identity, "--node", nodeId];
    const [command = process.execPath, ...args] = [
      ...parentDeathPrefix(),
      ...[process.execPath, MAIN, ...options, "--publish", "audio,video", "--json"],
    ];
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    const output: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
    this.#exited = new Promise((resolve) => child.once("close", () => resolve(Buffer.concat(output).toString())));
    this.#stop = () => child.kill("SIGTERM");
  }

  /** Lets them leave, and returns what each saw. */
  async finish(): Promise<BotReport[]> {
    this.#stop();
    const output = await this.#exited;
    const line = output.split("\n").find((one) => one.startsWith("["));
    if (line === undefined) throw new Error(`The bots reported nothing:\n${output}`);
    return JSON.parse(line) as BotReport[];
  }
}
