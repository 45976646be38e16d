import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:net";
import { FreePorts } from "../../../../scripts/free-ports.ts";
import { SupervisedProcess } from "../../../../scripts/supervised-process.ts";
import { requireTool } from "../../../../scripts/test-tools.ts";

const HOST = "127.0.0.1";

/** A real coturn on loopback that checks credentials by a shared secret, as the chart runs it. */
export class TurnServer {
  readonly url: string;
  /** What it wrote. */
  readonly lines: string[] = [];
  readonly #process: SupervisedProcess;
  readonly #folder: string;

  static async start(secret: string): Promise<TurnServer> {
    const server = new TurnServer(secret, await new FreePorts().take());
    await server.#process.start();
    return server;
  }

  private constructor(secret: string, port: number) {
    this.url = `turn:${HOST}:${port}?transport=udp`;
    this.#folder = mkdtempSync(join(tmpdir(), "cation-turn-"));
    this.#process = new SupervisedProcess({
      name: "turnserver",
      command: requireTool("turnserver", process.env),
      args: [
        ...["-n", "--log-file=stdout", "--verbose", "--no-tls", "--no-dtls", "--fingerprint", "--realm=cation"],
        ...[`--listening-ip=${HOST}`, `--relay-ip=${HOST}`, `--listening-port=${port}`],
        ...["--use-auth-secret", `--static-auth-secret=${secret}`],
        // The sfu is on loopback here. coturn wants its console to have a password then, though it has none.
        ...["--allow-loopback-peers", "--no-cli", "--cli-password=unused"],
        ...[`--pidfile=${join(this.#folder, "pid")}`, `--userdb=${join(this.#folder, "db")}`],
      ],
      env: {},
      isReady: () => accepts(port),
      onLine: (_name, line) => this.lines.push(line),
      onDied: (name, how) => this.lines.push(`${name} ended by itself: ${how}`),
    });
  }

  async stop(): Promise<void> {
    await this.#process.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
