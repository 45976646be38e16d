import type { EventBus, Subscription } from "@cation/cluster/events/event-bus";
import { encodeToken } from "@cation/cluster/token";
import { ConnectionQualities } from "@cation/proto/client/v1/client";
import type { ConnectionQuality, MediaReport } from "@cation/proto/client/v1/client";
import type { MonoUs } from "@cation/rtp/units";
import type { Clock, Timer } from "@cation/service-kit/clock";
import type { PacedWork } from "../paced-work.ts";
import { MediaReporter } from "./media-reporter.ts";
import type { ReportedMedia } from "./media-reporter.ts";

/** Between two reports. */
const INTERVAL_MS = 4_000;
/** A smaller change of a score is no news. */
const MIN_CHANGE = 0.3;
/** Weight of a new score: one bad second is not a bad connection. */
const WEIGHT = 0.6;

/** A participant on this node, as far as its quality is looked at. */
export interface ReportedSession {
  readonly participantId: string;
  readonly media: ReportedMedia;
  tellReport(report: MediaReport): void;
  tellQualities(participants: ConnectionQuality[]): void;
}

export interface RoomQualityOptions {
  readonly roomId: string;
  readonly clock: Clock;
  readonly nowUs: () => MonoUs;
  readonly events: EventBus;
  readonly work: PacedWork;
  readonly sessions: () => Iterable<ReportedSession>;
  /** Whose quality everybody in the room hears of: those who publish. Others hear of their own only. */
  readonly isPublisher: (participantId: string) => boolean;
  /** Each track's score, for scrapes. */
  readonly onReport: (report: MediaReport) => void;
}

/**
 * How well media flows in a room: every few seconds each participant of this node is told about its own, and everybody in
 * the room, on whichever node, about those who publish. Events may get lost: the next change is told again.
 */
export class RoomQuality {
  readonly #options: RoomQualityOptions;
  readonly #subject: string;
  readonly #subscription: Subscription;
  readonly #reporters = new Map<string, { readonly reporter: MediaReporter; score: number; told: number }>();
  /** Of those who publish, on all nodes, as told last. */
  readonly #known = new Map<string, number>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: RoomQualityOptions) {
    this.#options = options;
    this.#subject = `room.${encodeToken(options.roomId)}.quality`;
    this.#subscription = options.events.subscribe(this.#subject, (payload) => this.#heard(payload));
    this.#schedule();
  }

  /** What a participant that joins should know. */
  get current(): ConnectionQuality[] {
    return [...this.#known].map(([participantId, score]) => ({ participantId, score }));
  }

  /** A participant left the room, or this node. */
  forget(participantId: string): void {
    this.#known.delete(participantId);
    this.#reporters.delete(participantId);
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#subscription.unsubscribe();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.setTimer(INTERVAL_MS, () => {
      for (const session of this.#options.sessions()) this.#options.work.add(() => this.#report(session));
      this.#options.work.add(() => this.#publish());
      this.#schedule();
    });
  }

  #report(session: ReportedSession): void {
    if (this.#closed) return;
    const { participantId } = session;
    const entry = this.#reporters.get(participantId) ?? { reporter: new MediaReporter(), score: 0, told: 0 };
    this.#reporters.set(participantId, entry);
    const { report, score } = entry.reporter.report(session.media, this.#options.nowUs());
    if (report.received.length === 0 && report.sent.length === 0) return;
    session.tellReport(report);
    this.#options.onReport(report);
    if (score > 0) entry.score = entry.score === 0 ? score : entry.score + (score - entry.score) * WEIGHT;
    if (this.#options.isPublisher(participantId) || !isNews(entry)) return;
    entry.told = entry.score;
    session.tellQualities([{ participantId, score: round(entry.score) }]);
  }

  /** Tells all nodes, this one included, of its publishers whose quality has changed. */
  #publish(): void {
    if (this.#closed) return;
    const participants: ConnectionQuality[] = [];
    for (const { participantId } of this.#options.sessions()) {
      const entry = this.#reporters.get(participantId);
      if (!entry || !isNews(entry) || !this.#options.isPublisher(participantId)) continue;
      entry.told = entry.score;
      participants.push({ participantId, score: round(entry.score) });
    }
    if (participants.length === 0) return;
    this.#options.events.publish(this.#subject, ConnectionQualities.encode({ participants }).finish());
  }

  #heard(payload: Uint8Array): void {
    const participants = decode(payload).filter(({ participantId }) => this.#options.isPublisher(participantId));
    if (this.#closed || participants.length === 0) return;
    for (const { participantId, score } of participants) this.#known.set(participantId, score);
    for (const session of this.#options.sessions()) session.tellQualities(participants);
  }
}

function isNews({ score, told }: { readonly score: number; readonly told: number }): boolean {
  return score > 0 && Math.abs(score - told) >= MIN_CHANGE;
}

function round(score: number): number {
  return Math.round(score * 10) / 10;
}

function decode(payload: Uint8Array): ConnectionQuality[] {
  try {
    return ConnectionQualities.decode(payload).participants;
  } catch {
    // Of a newer release, perhaps.
    return [];
  }
}
