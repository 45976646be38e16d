import type { Duplex } from "../rpc/duplex.ts";

/** Messages that wait while the other side lags: what bursts bring, and far less than what a link bears. */
const MAX_WAITING = 1_024;

/** Messages on their way into a link, in order. Bounded: while it is full, messages are refused. */
export class LinkQueue<Out> {
  readonly #link: Pick<Duplex<Out, unknown>, "write">;
  #waiting: Out[] = [];
  #lags = false;

  constructor(link: Pick<Duplex<Out, unknown>, "write">) {
    this.#link = link;
  }

  /** Whether the next message would be refused. */
  get full(): boolean {
    return this.#waiting.length >= MAX_WAITING;
  }

  /** Sends now or later. False: refused, and gone. */
  send(message: Out): boolean {
    if (this.full) return false;
    if (this.#lags) this.#waiting.push(message);
    else this.#lags = !this.#link.write(message);
    return true;
  }

  /** The link takes more. */
  drained(): void {
    this.#lags = false;
    const waiting = this.#waiting;
    let sent = 0;
    while (sent < waiting.length && !this.#lags) this.#lags = !this.#link.write(waiting[sent++]);
    this.#waiting = waiting.slice(sent);
  }
}
