import type { Event } from "@cation/proto/client/v1/client";

/** What a session would say of an event, without the number that the log gives it. */
export type EventBody = NonNullable<Event["event"]>;

/** Bounds of a log; the oldest events go first. */
export interface EventLogLimits {
  readonly keepMs: number;
  readonly maxEvents: number;
  /** Approximate: counts descriptions and lists, which are what can be large. */
  readonly maxBytes: number;
}

/** The grace of a lost client, and room for a burst of changes in a large room. */
export const DEFAULT_EVENT_LOG_LIMITS: EventLogLimits = {
  keepMs: 30_000,
  maxEvents: 1_000,
  maxBytes: 2 * 1024 * 1024,
};

interface LoggedEvent {
  readonly event: Event;
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * The numbered events of one session, as far back as a client that lost its connection may ask for them. Numbers start
 * at 1 and have no gap.
 */
export class EventLog {
  #limits: EventLogLimits;
  #entries: LoggedEvent[] = [];
  #bytes = 0;
  #lastSequence = 0;

  constructor(limits: EventLogLimits = DEFAULT_EVENT_LOG_LIMITS) {
    this.#limits = limits;
  }

  /** Number of the newest event; 0 before the first. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Events held now. */
  get size(): number {
    return this.#entries.length;
  }

  /** Numbers an event, remembers it and forgets what is too old. */
  append(body: EventBody, nowMs: number): Event {
    this.#lastSequence += 1;
    const event: Event = { sequence: this.#lastSequence, event: body };
    const bytes = approximateBytes(body);
    this.#entries.push({ event, atMs: nowMs, bytes });
    this.#bytes += bytes;
    this.#trim(nowMs);
    return event;
  }

  /**
   * Everything after `sequence`, oldest first; undefined when some of it is no longer held, or was never sent (a
   * sequence from the future: the caller knows another session).
   */
  after(sequence: number, nowMs: number): Event[] | undefined {
    this.#trim(nowMs);
    if (sequence > this.#lastSequence) return undefined;
    const missing = this.#lastSequence - sequence;
    if (missing > this.#entries.length) return undefined;
    return this.#entries.slice(this.#entries.length - missing).map((entry) => entry.event);
  }

  #trim(nowMs: number): void {
    let drop = 0;
    while (drop < this.#entries.length && this.#mustDrop(this.#entries[drop], this.#entries.length - drop, nowMs)) {
      this.#bytes -= this.#entries[drop].bytes;
      drop += 1;
    }
    if (drop > 0) this.#entries.splice(0, drop);
  }

  #mustDrop(oldest: LoggedEvent, held: number, nowMs: number): boolean {
    const { keepMs, maxEvents, maxBytes } = this.#limits;
    return held > maxEvents || this.#bytes > maxBytes || nowMs - oldest.atMs > keepMs;
  }
}

/** Size of an event to within a factor of about two: what is bounded is memory, not the wire. */
function approximateBytes(body: EventBody): number {
  switch (body.$case) {
    case "subscriberOffer":
      return 256 + 2 * body.value.sdp.length + 128 * body.value.tracks.length;
    case "roomReset":
      return 256 + 512 * (body.value.participants.length + body.value.tracks.length);
    case "participantJoined":
      return 512 + 2 * body.value.metadata.length;
    default:
      return 512;
  }
}
