import type { Worker } from "node:worker_threads";
import type { DtlsThread, DtlsThreadListener } from "./threaded-dtls.ts";
import type { WeriftDtlsCommand, WeriftDtlsEvent } from "./werift-dtls-messages.ts";

/** Datagrams and data that may wait for the worker; more are dropped, and their senders repeat them. */
const MAX_WAITING = 1_024;

/**
 * Passes calls to a worker and its events back. Nothing that a client sends may end the worker; should it end all the
 * same, its associations are lost, and the next one gets a new worker.
 */
export class WeriftDtlsThread implements DtlsThread {
  readonly #start: () => Worker;
  readonly #listener: DtlsThreadListener;
  readonly #onLost: () => void;
  #worker: Worker | undefined;
  #waiting = 0;
  #closed = false;

  /** `worker` is the first; `onLost` is called when one ends. */
  constructor(worker: Worker, start: () => Worker, listener: DtlsThreadListener, onLost: () => void) {
    this.#start = start;
    this.#listener = listener;
    this.#onLost = onLost;
    this.#watch(worker);
  }

  open(id: number, expected: readonly { readonly digest: string; readonly value: Uint8Array }[]): void {
    if (this.#closed) return;
    if (this.#worker === undefined) this.#watch(this.#start());
    this.#post({ type: "open", id, expected });
  }

  receive(id: number, datagram: Uint8Array): void {
    this.#postBytes("receive", id, datagram);
  }

  sendData(id: number, data: Uint8Array): void {
    this.#postBytes("sendData", id, data);
  }

  closeAssociation(id: number): void {
    this.#post({ type: "closeAssociation", id });
  }

  close(): void {
    this.#closed = true;
    this.#post({ type: "close" });
  }

  #watch(worker: Worker): void {
    this.#worker = worker;
    this.#waiting = 0;
    // Sockets keep the process alive, DTLS does not.
    worker.unref();
    worker.on("message", (message: WeriftDtlsEvent) => {
      if (message.type === "taken") this.#waiting -= 1;
      else if (message.type === "event") {
        this.#listener(message.id, message.kind, message.code, message.bytes);
      }
    });
    worker.on("error", () => {});
    worker.on("exit", () => {
      this.#worker = undefined;
      this.#onLost();
    });
  }

  #postBytes(type: "receive" | "sendData", id: number, bytes: Uint8Array): void {
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting += 1;
    const copy = Uint8Array.from(bytes);
    this.#post({ type, id, bytes: copy }, [copy.buffer]);
  }

  #post(command: WeriftDtlsCommand, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker?.postMessage(command, transfer);
  }
}
