import type { Clock, Timer } from "@cation/service-kit/clock";
import { currentSpan } from "@cation/service-kit/span";
import type { Span, SpanAttributes } from "@cation/service-kit/span";
import type { TransportState } from "@cation/webrtc/transport-state";
import type { MediaMilestone } from "./media-milestones.ts";

/** A join is over when its first picture went out, or after this. */
const JOIN_MS = 30_000;

type Role = "publisher" | "subscriber";

/**
 * The part of a join's trace that is on the sfu: from the session's opening over ICE and DTLS to the first packets and
 * keyframes, both ways. Exists only where the join is traced.
 */
export class SessionTrace {
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  readonly #connecting = new Map<Role, Span>();
  readonly #timer: Timer;
  #span: Span | undefined;

  /** Takes up the trace that the present call belongs to, if it does. */
  static begin(clock: Clock, attributes: SpanAttributes): SessionTrace | undefined {
    const parent = currentSpan();
    return parent && new SessionTrace(clock, parent.child("session", { attributes }));
  }

  private constructor(clock: Clock, span: Span) {
    this.#clock = clock;
    this.#span = span;
    this.#startedAtMs = clock.nowMs();
    this.#timer = clock.setTimer(JOIN_MS, () => this.end());
  }

  /** For what is done on behalf of the join; undefined once it is over. */
  get span(): Span | undefined {
    return this.#span;
  }

  /** A transport was opened: ICE and DTLS begin. */
  opened(role: Role): void {
    if (this.#span && !this.#connecting.has(role)) this.#connecting.set(role, this.#span.child(`${role} connection`));
  }

  changed(role: Role, state: TransportState): void {
    const connecting = this.#connecting.get(role);
    if (state === "connected") connecting?.end();
    else if (state === "failed" || state === "closed") connecting?.end(new Error(`the transport is ${state}`));
  }

  /** Something happened for the first time. */
  reached(milestone: MediaMilestone): void {
    this.#span?.child(milestone, { startedAtMs: this.#startedAtMs }).end();
    if (milestone === "first keyframe sent") this.end();
  }

  /** Idempotent. */
  end(): void {
    this.#timer.cancel();
    for (const connecting of this.#connecting.values()) connecting.end();
    this.#span?.set({ "cation.join_ms": this.#clock.nowMs() - this.#startedAtMs });
    this.#span?.end();
    this.#span = undefined;
  }
}
