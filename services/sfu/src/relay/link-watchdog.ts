import { setRepeatingTimer } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";

/** Between keepalives. */
const INTERVAL_MS = 250;
/** A peer that has answered keepalives and says nothing for so long is suspected … */
export const SUSPICION_MS = 1_000;
/** … and given up after so long. */
const GIVE_UP_MS = 5_000;

export interface LinkWatchdogOptions {
  readonly clock: Clock;
  readonly sendKeepalive: () => void;
  /** The peer has fallen silent. Called once, until it is heard again. */
  readonly onSilent: () => void;
  readonly onLost: () => void;
}

/** Notices that the other end of a stream, or the way to it, has died without a word. */
export class LinkWatchdog {
  readonly #options: LinkWatchdogOptions;
  readonly #timer: Timer;
  #heardAtMs: number;
  #lastTickMs: number;
  #answers = false;
  #silent = false;

  constructor(options: LinkWatchdogOptions) {
    this.#options = options;
    this.#heardAtMs = options.clock.monotonicMs();
    this.#lastTickMs = this.#heardAtMs;
    this.#timer = setRepeatingTimer(options.clock, INTERVAL_MS, () => this.#tick());
    options.sendKeepalive();
  }

  /** Whether the peer is suspected to be dead. */
  get silent(): boolean {
    return this.#silent;
  }

  /** Something came from the peer; `keepalive`: an answer. Peers of an older release give none and are not suspected. */
  heard(keepalive: boolean): void {
    this.#heardAtMs = this.#options.clock.monotonicMs();
    this.#silent = false;
    this.#answers ||= keepalive;
  }

  /** Idempotent. */
  close(): void {
    this.#timer.cancel();
  }

  #tick(): void {
    const { clock, sendKeepalive, onSilent, onLost } = this.#options;
    const nowMs = clock.monotonicMs();
    // This thread stood still itself: what came meanwhile is not read yet.
    if (nowMs - this.#lastTickMs > 2 * INTERVAL_MS) this.#heardAtMs = Math.max(this.#heardAtMs, nowMs - INTERVAL_MS);
    this.#lastTickMs = nowMs;
    sendKeepalive();
    if (!this.#answers) return;
    const silentMs = nowMs - this.#heardAtMs;
    if (silentMs >= GIVE_UP_MS) return onLost();
    if (silentMs < SUSPICION_MS || this.#silent) return;
    this.#silent = true;
    onSilent();
  }
}
