import type { Keepalive } from "@cation/proto/relay/v1/relay";
import type { Clock } from "@cation/service-kit/clock";

/** Writes and reads one side's keepalives, which tell how long a message needs to the other side and back. */
export class KeepaliveEcho {
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  #echoMs = 0;
  #echoCameAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAtMs = clock.monotonicMs();
  }

  write(): Keepalive {
    const nowMs = this.#nowMs();
    const heldMs = this.#echoMs === 0 ? 0 : nowMs - this.#echoCameAtMs;
    return { stampMs: nowMs, echoMs: this.#echoMs, heldMs };
  }

  /** Takes the other side's; gives the round trip, without the time that the other side held it; undefined before there is one. */
  read({ stampMs, echoMs, heldMs }: Keepalive): number | undefined {
    const nowMs = this.#nowMs();
    this.#echoMs = stampMs;
    this.#echoCameAtMs = nowMs;
    return echoMs === 0 ? undefined : Math.max(0, nowMs - echoMs - heldMs);
  }

  /** From 1 on: 0 means none. */
  #nowMs(): number {
    return Math.round(this.#clock.monotonicMs() - this.#startedAtMs) + 1;
  }
}
