import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { seated } from "./pinning.ts";
import type { SutOptions, SutReady, SutResult } from "./sut-process.ts";

/** A running system under test. */
export class Sut {
  readonly ready: SutReady;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: SutReady) {
    this.#child = child;
    this.ready = ready;
  }

  static async start(options: SutOptions): Promise<Sut> {
    const script = join(import.meta.dirname, "sut-process.ts");
    const node = [
      "--expose-gc",
      ...(process.env["BENCH_NODE_ARGS"]?.split(" ") ?? []),
      script,
      JSON.stringify(options),
    ];
    // With sender threads the point is to use more than one processor.
    const [command, args] = options.senderThreads > 0 ? [process.execPath, node] : seated("measured", node);
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    return new Sut(child, await nextMessage<SutReady>(child));
  }

  begin(): void {
    this.#child.send("begin");
  }

  end(): Promise<SutResult> {
    const result = nextMessage<SutResult>(this.#child);
    this.#child.send("end");
    return result;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.send("exit");
    await closed;
  }
}

function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as T));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the system under test ended with code ${code}`)));
  });
}
