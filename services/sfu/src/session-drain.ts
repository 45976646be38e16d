import { setRepeatingTimer } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import type { ParticipantSession } from "./participant-session.ts";
import type { Room } from "./room.ts";

const TICK_MS = 50;
/** Clients that are on their way to another node at the same time: each costs two handshakes there. */
const MAX_UNDER_WAY = 8;
/** A client that has not gone by then does not hold up the others, and is asked again. */
const ASK_AGAIN_MS = 3_000;

export interface SessionDrainOptions {
  readonly rooms: () => Iterable<Room>;
  readonly clock: Clock;
}

/**
 * Asks the clients of a node that leaves to go on at other nodes: a few at a time, viewers first, then those who publish,
 * whose going is felt by everybody who watches them. Clients without a connection are told when they come back.
 */
export class SessionDrain {
  readonly #options: SessionDrainOptions;
  readonly #askedAtMs = new WeakMap<ParticipantSession, number>();
  #timer: Timer | undefined;

  constructor(options: SessionDrainOptions) {
    this.#options = options;
  }

  /** Idempotent. Goes on until stopped: who resumes a session meanwhile is asked too. */
  start(): void {
    if (this.#timer) return;
    this.#timer = setRepeatingTimer(this.#options.clock, TICK_MS, () => this.#tick());
    this.#tick();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const viewers: ParticipantSession[] = [];
    const publishers: ParticipantSession[] = [];
    let underWay = 0;
    for (const room of this.#options.rooms()) {
      for (const { session } of room.sessions.values()) {
        if (this.#isUnderWay(session, nowMs)) underWay += 1;
        else if (session.hasStream) (session.publisher.isPublishing ? publishers : viewers).push(session);
      }
    }
    // Publishers wait until the viewers are gone, or have at least been asked.
    const isViewersTurn = viewers.some((session) => !this.#askedAtMs.has(session));
    if (!isViewersTurn && underWay > 0 && viewers.length > 0) return;
    const due = isViewersTurn ? viewers : [...publishers, ...viewers];
    for (const session of due.slice(0, Math.max(0, MAX_UNDER_WAY - underWay))) {
      this.#askedAtMs.set(session, nowMs);
      session.requestMove();
    }
  }

  #isUnderWay(session: ParticipantSession, nowMs: number): boolean {
    const askedAtMs = this.#askedAtMs.get(session);
    return askedAtMs !== undefined && nowMs - askedAtMs < ASK_AGAIN_MS;
  }
}
