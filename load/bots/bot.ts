import type { Event, Joined, SessionEnded, SubscriberOffer } from "@cation/proto/client/v1/client";
import type { Clock } from "@cation/service-kit/clock";
import { BotHandover } from "./bot-handover.ts";
import { BotPublisher } from "./bot-publisher.ts";
import type { BotShared } from "./bot-shared.ts";
import { BotSubscriber } from "./bot-subscriber.ts";
import { FrameHistory } from "./frame-history.ts";
import { planPublishing } from "./publish-plan.ts";
import type { PublishOptions } from "./publish-options.ts";
import type { LinkHandler, Rejoin, SignalLink } from "./signal-link.ts";
import type { SourceGap } from "./source-gap.ts";
import { TrackDirectory } from "./track-directory.ts";
import type { ReceivedTrack, TrackInterval } from "./track-receiver.ts";
import { VisibleTracks } from "./visible-tracks.ts";

export interface BotOptions {
  /** Opens the way to the server and enters the room. */
  readonly connect: (handler: LinkHandler) => Promise<{ readonly link: SignalLink; readonly joined: Joined }>;
  readonly publish: PublishOptions;
  /** Pictures to subscribe to, and every voice; the link must have been opened without automatic subscription then. */
  readonly tiles?: number;
}

/** What a bot saw and did. */
export interface BotReport {
  readonly participantId: string;
  readonly identity: string;
  readonly nodeId: string;
  /** From the start to Joined. */
  readonly joinMs: number;
  readonly participantCount: number;
  readonly sent: readonly {
    readonly trackId: string;
    readonly kind: "audio" | "video";
    /** Of a simulcast encoding. */
    readonly rid: string;
    readonly packets: number;
    readonly bytes: number;
    readonly keyframeRequests: number;
    readonly resentPackets: number;
  }[];
  readonly received: readonly ReceivedTrack[];
  /** From the start to the first decodable frame of any video; undefined before. */
  readonly firstFrameMs: number | undefined;
  /** New sessions after lost ones. */
  readonly rejoins: number;
  /** Times that it went on at another node, as the same participant. */
  readonly moves: number;
  /** Why it is no longer in the room; undefined while it is. */
  readonly ended: string | undefined;
  readonly errors: readonly string[];
}

const MAX_ERRORS = 20;
const MAX_EVENTS = 1_000;

/**
 * A client without a screen: real signalling, ICE, DTLS and SRTP, recorded media out, and a decoder's judgement of what
 * comes in. Needs to be told that time passes (`tick`).
 */
export class Bot {
  /** Everything the server told, the newest last; bounded. */
  readonly events: Event[] = [];
  readonly #shared: BotShared;
  readonly #options: BotOptions;
  readonly #directory = new TrackDirectory();
  readonly #visible: VisibleTracks | undefined;
  readonly #histories = new Map<string, { readonly kind: "audio" | "video"; readonly history: FrameHistory }>();
  /** Source by track id. */
  readonly #sources = new Map<string, string>();
  /** Own tracks by mid. */
  readonly #trackIds = new Map<string, string>();
  readonly #errors: string[] = [];
  #subscriber: BotSubscriber;
  #publisher: BotPublisher | undefined;
  #link: SignalLink | undefined;
  #joined: Joined | undefined;
  #startedAtMs = 0;
  #joinMs = 0;
  #firstFrameAtMs: number | undefined;
  #rejoins = 0;
  #moves = 0;
  /** While it goes over to another node. */
  #handover: BotHandover | undefined;
  #participantCount = 0;
  #ended: string | undefined;
  #closed = false;
  /** Offers, and what a new session needs, one after the other. */
  #queue: Promise<void> = Promise.resolve();

  constructor(shared: BotShared, options: BotOptions) {
    this.#shared = shared;
    this.#options = options;
    this.#visible = options.tiles === undefined ? undefined : new VisibleTracks(options.tiles);
    this.#subscriber = this.#openSubscriber();
  }

  /** What its times are measured by. */
  get clock(): Clock {
    return this.#shared.clock;
  }

  get joined(): Joined | undefined {
    return this.#joined;
  }

  /** Why it is no longer in the room; undefined while it is. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** New sessions after lost ones, and moves to other nodes. */
  get rejoins(): number {
    return this.#rejoins + this.#moves;
  }

  /** The open link, for requests beyond what a bot does by itself. */
  get link(): SignalLink {
    if (!this.#link) throw new Error("the bot has not joined");
    return this.#link;
  }

  /** Enters the room and publishes. Rejects with what the server refused. */
  async start(): Promise<void> {
    this.#startedAtMs = this.#shared.clock.monotonicMs();
    await this.reconnect(this.#options.connect);
    this.#joinMs = this.#shared.clock.monotonicMs() - this.#startedAtMs;
    await this.#publish();
  }

  /** Goes on over another link, in place of a lost one. `connect` resumes the session. */
  async reconnect(connect: BotOptions["connect"]): Promise<void> {
    this.#ended = undefined;
    const { link, joined } = await connect({
      onEvent: (event) => this.#receive(event),
      onRejoined: (rejoined, how) => this.#rejoined(rejoined, how),
      onClosed: (reason) => (this.#ended ??= reason),
    });
    this.#link = link;
    this.#enter(joined);
  }

  /** Sends what is due. To be called each 10 ms or so. */
  tick(nowMs = this.#shared.clock.monotonicMs()): void {
    if (this.#closed) return;
    this.#publisher?.tick(nowMs);
    this.#subscriber.tick(nowMs);
    this.#handover?.tick(nowMs, { subscriber: this.#subscriber, publisher: this.#publisher });
    if (this.#handover?.done === true) this.#handover = undefined;
  }

  /** From the start to Joined, to the subscriber's connection, and to the first decodable frame of a video. */
  get milestones() {
    const { connectedAtMs } = this.#subscriber;
    this.#firstFrameAtMs ??= findFirstFrame(this.#subscriber, this.#shared.clock.monotonicMs());
    return {
      joinMs: this.#joinMs,
      connectedMs: connectedAtMs === undefined ? undefined : connectedAtMs - this.#startedAtMs,
      firstFrameMs: this.#firstFrameAtMs === undefined ? undefined : this.#firstFrameAtMs - this.#startedAtMs,
    };
  }

  /** What came of each track since the last call. */
  takeIntervals(nowMs: number): TrackInterval[] {
    return this.#subscriber.activeReceivers.map((receiver) => receiver.takeInterval(nowMs));
  }

  /** Bytes sent so far, of each encoding. */
  get sentBytes(): readonly { readonly kind: "audio" | "video"; readonly rid: string; readonly bytes: number }[] {
    return (this.#publisher?.senders ?? []).map(({ kind, rid, bytes }) => ({ kind, rid, bytes }));
  }

  /** Longest pauses within a window, of each source that was ever received. Times are those of the clock given. */
  gapsBetween(fromMs: number, toMs: number): SourceGap[] {
    return [...this.#histories].map(([source, { kind, history }]) => ({
      source,
      kind,
      ...history.gapBetween(fromMs, toMs),
    }));
  }

  report(): BotReport {
    const nowMs = this.#shared.clock.monotonicMs();
    const { joinMs, firstFrameMs } = this.milestones;
    return {
      participantId: this.#joined?.participant?.participantId ?? "",
      identity: this.#joined?.participant?.identity ?? "",
      nodeId: this.#joined?.nodeId ?? "",
      joinMs,
      participantCount: this.#participantCount,
      sent: (this.#publisher?.senders ?? []).map(
        ({ mid, kind, rid, packets, bytes, keyframeRequests, resentPackets }) => ({
          trackId: this.#trackIds.get(mid) ?? "",
          kind,
          rid,
          packets,
          bytes,
          keyframeRequests,
          resentPackets,
        }),
      ),
      received: [...this.#subscriber.receivers.values()].map((receiver) => receiver.report(nowMs)),
      firstFrameMs,
      rejoins: this.#rejoins,
      moves: this.#moves,
      ended: this.#ended,
      errors: [...this.#errors],
    };
  }

  /** Says goodbye and frees everything. Idempotent. */
  async leave(): Promise<void> {
    if (this.#closed) return;
    this.#ended ??= "left";
    await this.#link?.leave();
    await this.vanish();
  }

  /** Goes without a word, as when the machine loses its power. Idempotent. */
  async vanish(): Promise<void> {
    this.#closed = true;
    this.#link?.close();
    this.#handover?.close();
    await Promise.all([this.#publisher?.close(), this.#subscriber.close()]);
  }

  #openSubscriber(): BotSubscriber {
    const { clock, dtls, random, feedbackWriter } = this.#shared;
    return new BotSubscriber({
      clock,
      dtls,
      random,
      feedbackWriter,
      historyOf: (trackId) => this.#historyOf(trackId),
      onLost: (error) => this.#note(`subscriber: ${error.message}`),
    });
  }

  #historyOf(trackId: string): FrameHistory {
    const track = this.#directory.find(trackId);
    // A track that moves keeps its id; one that is published anew has its publisher's identity in common.
    const key = this.#sources.get(trackId) ?? (track ? `${track.identity}/${track.source}` : trackId);
    this.#sources.set(trackId, key);
    const known = this.#histories.get(key);
    if (known) return known.history;
    const history = new FrameHistory();
    this.#histories.set(key, { kind: track?.kind ?? "video", history });
    return history;
  }

  #enter(joined: Joined): void {
    this.#joined = joined;
    this.#participantCount = joined.participantCount;
    this.#directory.reset(joined);
    this.#choose();
  }

  async #publish(): Promise<void> {
    const { publish } = this.#options;
    if (!publish.audio && publish.video === false) return;
    const { clock, dtls } = this.#shared;
    const { senders, tracks } = planPublishing(publish, this.#shared);
    const publisher = new BotPublisher({
      clock,
      dtls,
      senders,
      onLost: (error) => this.#note(`publisher: ${error.message}`),
    });
    this.#publisher = publisher;
    // After a move the tracks go on under their ids.
    const known = tracks.map((track) => ({ ...track, trackId: this.#trackIds.get(track.mid) ?? "" }));
    const value = { sdp: publisher.writeOffer(), tracks: known };
    const answer = await this.link.request({ $case: "publisherOffer", value });
    if (answer.$case !== "publisherAnswer") throw new Error("the server answered an offer with something else");
    for (const { mid, trackId } of answer.value.tracks) this.#trackIds.set(mid, trackId);
    await publisher.answer(answer.value.sdp);
  }

  #receive(event: Event): void {
    this.events.push(event);
    if (this.events.length > MAX_EVENTS) this.events.shift();
    if (this.#directory.receive(event)) this.#choose();
    switch (event.event?.$case) {
      case "subscriberOffer":
        return this.#answer(event.event.value);
      case "participantCount":
        this.#participantCount = event.event.value.count;
        return;
      case "sessionEnded":
        this.#ended = describeEnd(event.event.value);
        return;
      default:
    }
  }

  /** In a new session nothing of the old one goes on; at another node it does until the new connections carry it. */
  #rejoined(joined: Joined, how: Rejoin): void {
    if (how !== "resumed") {
      this.#handover?.close();
      const old = { subscriber: this.#subscriber, publisher: this.#publisher };
      this.#handover = new BotHandover(old, this.#shared.clock.monotonicMs());
      if (how === "anew") {
        this.#rejoins += 1;
        this.#handover.close();
        this.#trackIds.clear();
      } else this.#moves += 1;
      this.#subscriber = this.#openSubscriber();
      this.#publisher = undefined;
      this.#visible?.reset();
    }
    this.#enter(joined);
    if (how !== "resumed") this.#enqueue("publishing again", () => this.#publish());
  }

  #answer(offer: SubscriberOffer): void {
    const subscriber = this.#subscriber;
    this.#enqueue(`offer ${offer.offerId}`, async () => {
      if (subscriber !== this.#subscriber) return;
      const sdp = await subscriber.answer(offer);
      await this.link.request({ $case: "subscriberAnswer", value: { offerId: offer.offerId, sdp } });
    });
  }

  /** Asks for what is to be seen, where it chooses itself. */
  #choose(): void {
    if (!this.#visible) return;
    const ownId = this.#joined?.participant?.participantId;
    const others = this.#directory.tracks.filter(({ participantId }) => participantId !== ownId);
    for (const wish of this.#visible.update(others)) {
      this.#enqueue(`subscription to ${wish.trackId}`, async () => {
        await this.link.request({ $case: "setSubscription", value: { ...wish, paused: false } });
      });
    }
  }

  #enqueue(what: string, task: () => Promise<void>): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#closed) return;
      try {
        await task();
      } catch (error) {
        // Overtaken: by a newer offer that is on its way, by the end of a track, or by a new session.
        if (OVERTAKEN.has(codeOf(error))) return;
        this.#note(`${what}: ${String(error)}`);
      }
    });
  }

  #note(error: string): void {
    if (!this.#closed && this.#errors.length < MAX_ERRORS) this.#errors.push(error);
  }
}

const OVERTAKEN: ReadonlySet<string> = new Set(["STALE_ANSWER", "TRACK_NOT_FOUND", "SESSION_LOST"]);

function codeOf(error: unknown): string {
  return String(Reflect.get(Object(error), "code") ?? "");
}

function findFirstFrame({ receivers }: BotSubscriber, nowMs: number): number | undefined {
  const times = [...receivers.values()].flatMap((receiver) => {
    const { kind, firstFrameAtMs } = receiver.report(nowMs);
    return kind === "video" && firstFrameAtMs !== undefined ? [firstFrameAtMs] : [];
  });
  return times.length > 0 ? Math.min(...times) : undefined;
}

function describeEnd({ reason, error }: SessionEnded): string {
  return error ? `session ended: ${error.code}` : `session ended: reason ${reason}`;
}
