import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { seated, type Seat } from "./pinning.ts";

/** A process of a bench that answers questions: see serveParent. */
export class BenchChild<Ready> {
  readonly ready: Ready;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: Ready) {
    this.#child = child;
    this.ready = ready;
  }

  /** Starts a script of this folder with its options and waits until it is ready. */
  static async start<Ready>(script: string, seat: Seat | undefined, options: object): Promise<BenchChild<Ready>> {
    const node = [join(import.meta.dirname, script), JSON.stringify(options)];
    const [command, args] = seat === undefined ? [process.execPath, node] : seated(seat, node);
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    return new BenchChild(child, await nextMessage<Ready>(child, script));
  }

  /** Asks for something. One question at a time. */
  ask<Answer>(question: object): Promise<Answer> {
    const answer = nextMessage<Answer>(this.#child, "the process");
    this.#child.send(question);
    return answer;
  }

  /** Ends the process. Idempotent. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.disconnect();
    await ended;
  }
}

function nextMessage<T>(child: ChildProcess, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      child.off("message", onMessage);
      child.off("exit", onExit);
      then();
    };
    const onMessage = (message: unknown) => settle(() => resolve(message as T));
    const onExit = (code: number | null) => settle(() => reject(new Error(`${what} ended with code ${code}`)));
    child.once("message", onMessage);
    child.once("exit", onExit);
  });
}

/** What a child was started with. */
export function readChildOptions<T>(): T {
  return JSON.parse(process.argv[2]!) as T;
}

/** The child's side: says that it is ready, answers questions, and ends when its parent lets go of it. */
export function serveParent<Question>(
  ready: object,
  answer: (question: Question) => object | Promise<object>,
  close: () => void | Promise<void>,
): void {
  process.on("message", (question) => {
    void Promise.resolve(answer(question as Question)).then((result) => process.send!(result));
  });
  process.on("disconnect", () => void Promise.resolve(close()).finally(() => process.exit(0)));
  process.send!(ready);
}
