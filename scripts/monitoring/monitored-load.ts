import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { join } from "node:path";
import { grpcClient } from "@cation/cluster/rpc/grpc-client";
import type { Closable } from "@cation/cluster/rpc/grpc-client";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import type { LocalCluster } from "../local-cluster.ts";
import { parentDeathPrefix } from "../supervised-process.ts";

const BOTS = join(import.meta.dirname, "../../load/bots/main.ts");
const ROOM = "monitored";

/** Gives each part of a cluster something to count: calls over two nodes, refused joins, noise on the media port. */
export class MonitoredLoad {
  readonly #cluster: LocalCluster;
  readonly #bots: ChildProcess[] = [];
  readonly #islb: (IslbService & Closable) | undefined;
  #noise: ReturnType<typeof setInterval> | undefined;

  constructor(cluster: LocalCluster) {
    this.#cluster = cluster;
    const [islb] = cluster.islbs;
    this.#islb = islb && grpcClient<IslbService>(IslbServiceDefinition, islb.grpcAddress);
  }

  start(): void {
    const [first, second] = this.#cluster.sfus;
    this.#spawnBots("a", first?.nodeId ?? "", 3);
    this.#spawnBots("b", second?.nodeId ?? "", 3);
    this.#noise = setInterval(() => void this.#disturb(), 500);
  }

  async stop(): Promise<void> {
    clearInterval(this.#noise);
    this.#islb?.close();
    const running = this.#bots.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    const exited = running.map((bot) => new Promise((resolve) => bot.once("exit", resolve)));
    for (const bot of running) bot.kill("SIGTERM");
    await Promise.all(exited);
  }

  #spawnBots(identity: string, nodeId: string, count: number): void {
    const url = this.#cluster.signals[0]?.url ?? "";
    const options = ["--url", url, "--room", ROOM, "--identity", identity, "--node", nodeId, "--bots", String(count)];
    const command = [...parentDeathPrefix(), process.execPath, BOTS, ...options, "--publish", "audio,video"];
    const [program = "", ...args] = command;
    this.#bots.push(spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] }));
  }

  /** What operators see on any day: wrong tokens, strangers' datagrams, sessions that are gone. */
  async #disturb(): Promise<void> {
    const url = (this.#cluster.signals[0]?.url ?? "").replace("http", "ws");
    for (const [kind, body] of BAD_REQUESTS) {
      const socket = new WebSocket(`${url}/rtc`, "cation.v1.json");
      socket.addEventListener("open", () => socket.send(JSON.stringify({ requestId: 1, [kind]: body })));
      socket.addEventListener("error", () => undefined);
      setTimeout(() => socket.close(), 300);
    }
    const noise = createSocket("udp4");
    for (const { mediaPort } of this.#cluster.sfus) noise.send(Buffer.from("noise"), mediaPort, "127.0.0.1");
    setTimeout(() => noise.close(), 100);
    await fetch(`${url.replace("ws", "http")}/rtc`).catch(() => undefined);
    await this.#islb?.getRoom({ roomId: "nowhere" }).catch(() => undefined);
  }
}

const BAD_REQUESTS = [
  ["join", { token: "nonsense" }],
  ["ping", {}],
] as const;
