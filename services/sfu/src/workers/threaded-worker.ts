import { MessageChannel } from "node:worker_threads";
import type { MessagePort, Worker } from "node:worker_threads";
import type { Duplex } from "@cation/cluster/rpc/duplex";
import { MessagePortConnection } from "@cation/cluster/rpc/message-port-client";
import { MessagePortServer } from "@cation/cluster/rpc/message-port-server";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import { WorkerControlDefinition } from "./worker-control.ts";
import type { WorkerControl, WorkerThreadData } from "./worker-control.ts";

/** Of what a worker is asked that takes its time: opening and closing, on a machine however busy. */
const CALL_DEADLINE_MS = 30_000;

/** One life of a worker's thread, as its pool sees it. */
export interface PoolWorker {
  readonly control: WorkerControl;
  readonly sfu: SfuService;
  /** False from the moment that its thread is gone; calls fail with SFU_UNAVAILABLE then. */
  readonly alive: boolean;
  openLink(): Duplex<LinkUp, LinkDown>;
  /** Ends the thread at once. Resolves when it is gone. */
  terminate(): Promise<void>;
}

/** Starts the thread that serves `data.calls`. */
export type StartThread = (data: WorkerThreadData, transferList: readonly MessagePort[]) => Worker;

export interface ThreadedWorkerOptions {
  readonly startThread: StartThread;
  readonly data: Omit<WorkerThreadData, "calls" | "upstream">;
  /** Adds what the worker may call. */
  readonly serveUpstream: (server: MessagePortServer) => void;
  /** The thread is gone, with the exception that ended it. Called once. */
  readonly onExit: (error: unknown) => void;
}

/** A worker on a thread of its own. */
export class ThreadedWorker implements PoolWorker {
  readonly control: WorkerControl;
  readonly sfu: SfuService;
  readonly #thread: Worker;
  readonly #calls: MessagePortConnection;

  constructor({ startThread, data, serveUpstream, onExit }: ThreadedWorkerOptions) {
    const calls = new MessageChannel();
    const upstream = new MessageChannel();
    const server = new MessagePortServer(upstream.port1);
    serveUpstream(server);
    this.#calls = new MessagePortConnection(calls.port1, { deadlineMs: CALL_DEADLINE_MS });
    this.control = this.#calls.client<WorkerControl>(WorkerControlDefinition);
    this.sfu = this.#calls.client<SfuService>(SfuServiceDefinition);
    const ports = { calls: calls.port2, upstream: upstream.port2 };
    this.#thread = startThread({ ...data, ...ports }, Object.values(ports));
    let uncaught: unknown;
    this.#thread.on("error", (error) => (uncaught = error));
    this.#thread.on("exit", (code) => {
      this.#calls.close();
      server.close();
      onExit(uncaught ?? new Error(`the thread ended with code ${code}`));
    });
  }

  get alive(): boolean {
    return !this.#calls.closed;
  }

  openLink(): Duplex<LinkUp, LinkDown> {
    return this.#calls.openDuplex(RelayServiceDefinition, "link");
  }

  async terminate(): Promise<void> {
    await this.#thread.terminate();
  }
}
