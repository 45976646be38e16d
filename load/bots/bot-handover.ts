import type { BotPublisher } from "./bot-publisher.ts";
import type { BotSubscriber } from "./bot-subscriber.ts";

/** A publisher connection that is replaced sends on for so long after the new one sends. */
const OVERLAP_MS = 2_500;
/** Then the old connections are closed, whatever became of the new ones. */
const DEADLINE_MS = 10_000;

/** The connections of a bot at one node. */
export interface BotConnections {
  readonly subscriber: BotSubscriber;
  readonly publisher: BotPublisher | undefined;
}

/** The old connections of a bot that goes on at another node, until the new ones carry what they carried. */
export class BotHandover {
  readonly #old: BotConnections;
  readonly #startedAtMs: number;
  #publishingSinceMs: number | undefined;
  #subscriberClosed = false;
  #publisherClosed = false;

  constructor(old: BotConnections, nowMs: number) {
    this.#old = old;
    this.#startedAtMs = nowMs;
    this.#publisherClosed = old.publisher === undefined;
  }

  get done(): boolean {
    return this.#subscriberClosed && this.#publisherClosed;
  }

  /** Goes on with the old connections, and closes what is replaced by the fresh ones. */
  tick(nowMs: number, fresh: BotConnections): void {
    const isLate = nowMs - this.#startedAtMs >= DEADLINE_MS;
    if (!this.#subscriberClosed) {
      this.#old.subscriber.tick(nowMs);
      if (isLate || playsAll(this.#old.subscriber, fresh.subscriber, nowMs)) this.#closeSubscriber();
    }
    if (this.#publisherClosed) return;
    this.#old.publisher?.tick(nowMs);
    if (fresh.publisher?.connected === true) this.#publishingSinceMs ??= nowMs;
    const isReplaced = this.#publishingSinceMs !== undefined && nowMs - this.#publishingSinceMs >= OVERLAP_MS;
    if (isLate || isReplaced) this.#closePublisher();
  }

  /** Idempotent. */
  close(): void {
    if (!this.#subscriberClosed) this.#closeSubscriber();
    if (!this.#publisherClosed) this.#closePublisher();
  }

  #closeSubscriber(): void {
    this.#subscriberClosed = true;
    void this.#old.subscriber.close();
  }

  #closePublisher(): void {
    this.#publisherClosed = true;
    void this.#old.publisher?.close();
  }
}

/** Whether the fresh connection has decoded something of everything that the old one receives. */
function playsAll(old: BotSubscriber, fresh: BotSubscriber, nowMs: number): boolean {
  for (const { trackId } of old.activeReceivers) {
    const receiver = fresh.receivers.get(trackId);
    if (receiver === undefined || receiver.report(nowMs).decodableFrames === 0) return false;
  }
  return fresh.receivers.size > 0;
}
