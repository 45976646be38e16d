import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { findTool } from "./test-tools.ts";

export interface SupervisedProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Asked until it says true: the process serves. */
  readonly isReady: () => Promise<boolean>;
  readonly onLine: (name: string, line: string) => void;
  /** It ended and nobody had asked it to. */
  readonly onDied: (name: string, how: string) => void;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 50;
/** After it, a process that was asked to stop is killed. */
const STOP_TIMEOUT_MS = 8000;
const KEPT_LINES = 40;

/**
 * A child process that can be started, killed and started again. It is in a process group of its own, so that Ctrl-C
 * reaches the supervisor alone, and (where the machine has setpriv) is killed by the kernel when the supervisor dies.
 */
export class SupervisedProcess {
  readonly name: string;
  readonly #options: SupervisedProcessOptions;
  readonly #lastLines: string[] = [];
  #child: Child | undefined;
  #exited: Promise<void> = Promise.resolve();
  #isExpectedToEnd = false;

  constructor(options: SupervisedProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Process id, while it runs. */
  get pid(): number | undefined {
    return this.isRunning ? this.#child?.pid : undefined;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it and resolves when it serves. Rejects with its last lines when it does not come up. */
  async start(): Promise<void> {
    if (this.isRunning) throw new Error(`${this.name} runs already.`);
    this.#isExpectedToEnd = false;
    this.#child = this.#spawn();
    const deadlineMs = Date.now() + READY_TIMEOUT_MS;
    while (!(await this.#options.isReady().catch(() => false))) {
      if (this.isRunning && Date.now() < deadlineMs) await delay(READY_POLL_MS);
      else await this.#failStart();
    }
  }

  /** Sends a signal: SIGSTOP freezes it, SIGCONT lets it go on. SIGKILL and SIGTERM count as wanted ends. */
  signal(signal: NodeJS.Signals): void {
    if (signal === "SIGKILL" || signal === "SIGTERM") this.#isExpectedToEnd = true;
    if (this.isRunning) this.#child?.kill(signal);
  }

  /** Kills it without warning, as a crash or a power cut would, and waits until it is gone. Idempotent. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#exited;
  }

  /** Asks it to stop, kills it when it does not in time, and waits until it is gone. Idempotent. */
  async stop(): Promise<void> {
    this.signal("SIGTERM");
    // A frozen process hears nothing.
    this.signal("SIGCONT");
    const timer = setTimeout(() => this.signal("SIGKILL"), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #spawn(): Child {
    const { command, args, env, name, onLine } = this.#options;
    const [program = command, ...programArgs] = [...parentDeathPrefix(), command, ...args];
    const child = spawn(program, programArgs, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.#lastLines.push(line);
        if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift();
        onLine(name, line);
      });
    }
    const killOnExit = (): void => void child.kill("SIGKILL");
    process.once("exit", killOnExit);
    this.#exited = new Promise((resolve) => {
      const end = (how: string): void => {
        process.removeListener("exit", killOnExit);
        resolve();
        if (!this.#isExpectedToEnd) this.#options.onDied(name, how);
      };
      child.once("error", (error) => end(error.message));
      child.once("exit", (code, signal) => end(signal === null ? `exit code ${code}` : signal));
    });
    return child;
  }

  async #failStart(): Promise<never> {
    const how = this.isRunning ? `did not serve within ${READY_TIMEOUT_MS / 1000} s` : "ended at once";
    await this.kill();
    throw new Error([`${this.name} ${how}. Its last lines:`, ...this.#lastLines].join("\n"));
  }
}

/** Has the kernel kill the child when this process is gone, however it went. */
export function parentDeathPrefix(): string[] {
  const tool = { program: "setpriv", debianPackage: "", brewFormula: "", versionArguments: [], usedFor: "" };
  const path = process.platform === "linux" ? findTool(tool, process.env) : undefined;
  return path === undefined ? [] : [path, "--pdeathsig", "KILL", "--"];
}

function delay(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
