import type { Clock, Timer } from "@cation/service-kit/clock";
import type { LeaveReason, Track } from "@cation/proto/state/v1/state";
import type { ParticipantSession } from "./participant-session.ts";

/** A participant that came from another node publishes its tracks again within this time; then they are taken back. */
const SETTLE_MS = 15_000;

export interface MovingSessionsOptions {
  readonly nodeId: string;
  readonly clock: Clock;
  /** The room's tracks, as this node knows them now. */
  readonly tracks: () => ReadonlyMap<string, Track>;
}

/** Sessions of a room on their way: those that went to other nodes and end by themselves, and those that just came. */
export class MovingSessions {
  readonly #options: MovingSessionsOptions;
  readonly #departing = new Set<ParticipantSession>();
  readonly #timers = new Set<Timer>();

  constructor(options: MovingSessionsOptions) {
    this.#options = options;
  }

  /** Sessions whose participants are elsewhere, and whose clients have not let go here. */
  get departing(): number {
    return this.#departing.size;
  }

  depart(session: ParticipantSession): void {
    this.#departing.add(session);
    session.depart();
  }

  /** A session that came from another node: what it has not brought along after a while is taken back. */
  arrive(session: ParticipantSession): void {
    const timer = this.#options.clock.setTimer(SETTLE_MS, () => {
      this.#timers.delete(timer);
      if (!session.ended && !this.#departing.has(session)) this.#takeBack(session);
    });
    this.#timers.add(timer);
  }

  ended(session: ParticipantSession): void {
    this.#departing.delete(session);
  }

  /** Ends those that are departing. */
  end(reason: LeaveReason): void {
    for (const session of [...this.#departing]) session.end(reason);
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  #takeBack(session: ParticipantSession): void {
    for (const { trackId, participantId, nodeId } of this.#options.tracks().values()) {
      const isLeft = participantId === session.participantId && nodeId !== this.#options.nodeId;
      if (isLeft) session.publisher.forgetGhost(trackId);
    }
  }
}
