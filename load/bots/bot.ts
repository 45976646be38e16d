import type { Event, Joined, SessionEnded, SubscriberOffer } from "@cation/proto/client/v1/client";
import { TrackSource } from "@cation/proto/common/v1/common";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { BotMedia } from "./bot-media.ts";
import { BotPublisher } from "./bot-publisher.ts";
import { BotSubscriber } from "./bot-subscriber.ts";
import type { BotCertificate } from "./certificate.ts";
import type { LinkHandler, SignalLink } from "./signal-link.ts";
import type { ReceivedTrack } from "./track-receiver.ts";
import { TrackSender } from "./track-sender.ts";

/** What all bots of a process share. */
export interface BotShared {
  readonly clock: Clock;
  /** Uniform in 0 … 1. */
  readonly random: () => number;
  readonly certificate: BotCertificate;
  readonly media: BotMedia;
}

export interface BotOptions {
  /** Opens the way to the server and enters the room. */
  readonly connect: (handler: LinkHandler) => Promise<{ readonly link: SignalLink; readonly joined: Joined }>;
  readonly publish: { readonly audio: boolean; readonly video: boolean };
}

/** What a bot saw and did. */
export interface BotReport {
  readonly participantId: string;
  readonly nodeId: string;
  /** From the start to Joined. */
  readonly joinMs: number;
  readonly participantCount: number;
  readonly sent: readonly {
    readonly trackId: string;
    readonly kind: "audio" | "video";
    readonly packets: number;
    readonly keyframeRequests: number;
    readonly resentPackets: number;
  }[];
  readonly received: readonly ReceivedTrack[];
  /** From the start to the first decodable frame of any video; undefined before. */
  readonly firstFrameMs: number | undefined;
  /** Why it is no longer in the room; undefined while it is. */
  readonly ended: string | undefined;
  readonly errors: readonly string[];
}

const MAX_ERRORS = 20;

/**
 * A client without a screen: real signalling, ICE, DTLS and SRTP, recorded media out, and a decoder's judgement of what
 * comes in. Needs to be told that time passes (`tick`).
 */
export class Bot {
  /** Everything the server told, the newest last; bounded. */
  readonly events: Event[] = [];
  readonly #shared: BotShared;
  readonly #options: BotOptions;
  readonly #subscriber: BotSubscriber;
  readonly #trackIds = new Map<string, string>();
  readonly #errors: string[] = [];
  #publisher: BotPublisher | undefined;
  #link: SignalLink | undefined;
  #joined: Joined | undefined;
  #startedAtMs = 0;
  #joinMs = 0;
  #participantCount = 0;
  #ended: string | undefined;
  #closed = false;
  #answering: Promise<void> = Promise.resolve();

  constructor(shared: BotShared, options: BotOptions) {
    this.#shared = shared;
    this.#options = options;
    this.#subscriber = new BotSubscriber({
      clock: shared.clock,
      certificate: shared.certificate,
      random: shared.random,
      onLost: (error) => this.#note(`subscriber: ${error.message}`),
    });
  }

  get joined(): Joined | undefined {
    return this.#joined;
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
    const { audio, video } = this.#options.publish;
    if (audio || video) await this.#publish();
  }

  /** Goes on over another link, in place of a lost one. `connect` resumes the session. */
  async reconnect(connect: BotOptions["connect"]): Promise<void> {
    this.#ended = undefined;
    const { link, joined } = await connect({
      onEvent: (event) => this.#receive(event),
      onClosed: (reason) => (this.#ended ??= reason),
    });
    this.#link = link;
    this.#joined = joined;
    this.#participantCount = joined.participantCount;
  }

  /** Sends what is due. To be called each 10 ms or so. */
  tick(): void {
    if (this.#closed) return;
    const nowMs = this.#shared.clock.monotonicMs();
    this.#publisher?.tick(nowMs);
    this.#subscriber.tick(nowMs);
  }

  report(): BotReport {
    const nowMs = this.#shared.clock.monotonicMs();
    const received = [...this.#subscriber.receivers.values()].map((receiver) => receiver.report(nowMs));
    return {
      participantId: this.#joined?.participant?.participantId ?? "",
      nodeId: this.#joined?.nodeId ?? "",
      joinMs: this.#joinMs,
      participantCount: this.#participantCount,
      sent: (this.#publisher?.senders ?? []).map(({ mid, kind, packets, keyframeRequests, resentPackets }) => ({
        trackId: this.#trackIds.get(mid) ?? "",
        kind,
        packets,
        keyframeRequests,
        resentPackets,
      })),
      received,
      firstFrameMs: findFirstFrame(received, this.#startedAtMs),
      ended: this.#ended,
      errors: [...this.#errors],
    };
  }

  /** Says goodbye and frees everything. Idempotent. */
  async leave(): Promise<void> {
    if (this.#closed) return;
    this.#ended ??= "left";
    await this.#link?.request({ $case: "leave", value: {} }).catch(() => undefined);
    await this.vanish();
  }

  /** Goes without a word, as when the machine loses its power. Idempotent. */
  async vanish(): Promise<void> {
    this.#closed = true;
    this.#link?.close();
    await Promise.all([this.#publisher?.close(), this.#subscriber.close()]);
  }

  async #publish(): Promise<void> {
    const { clock, certificate, media, random } = this.#shared;
    const { audio, video } = this.#options.publish;
    const phase = Math.floor(random() * 1_000);
    const ssrc = (): number => Math.floor(1 + random() * 0xffff_fffe);
    const senders: TrackSender[] = [];
    if (audio) senders.push(new TrackSender("0", "audio", ssrc(), media.openAudio(phase), random));
    if (video) senders.push(new TrackSender("1", "video", ssrc(), media.openVideo(phase), random));
    const publisher = new BotPublisher({
      clock,
      certificate,
      senders,
      onLost: (error) => this.#note(`publisher: ${error.message}`),
    });
    this.#publisher = publisher;
    const tracks = senders.map(({ mid, kind }) => ({
      mid,
      source: kind === "audio" ? TrackSource.MICROPHONE : TrackSource.CAMERA,
      name: "",
      muted: false,
      encodings: [],
    }));
    const answer = await this.link.request({ $case: "publisherOffer", value: { sdp: publisher.writeOffer(), tracks } });
    if (answer.$case !== "publisherAnswer") throw new Error("the server answered an offer with something else");
    for (const { mid, trackId } of answer.value.tracks) this.#trackIds.set(mid, trackId);
    await publisher.answer(answer.value.sdp);
  }

  #receive(event: Event): void {
    this.events.push(event);
    if (this.events.length > MAX_EVENTS) this.events.shift();
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

  /** One after the other, as they come. */
  #answer(offer: SubscriberOffer): void {
    this.#answering = this.#answering.then(async () => {
      if (this.#closed) return;
      try {
        const sdp = await this.#subscriber.answer(offer);
        await this.link.request({ $case: "subscriberAnswer", value: { offerId: offer.offerId, sdp } });
      } catch (error) {
        // Overtaken by an offer that is on its way.
        if (error instanceof CodedError && error.code === "STALE_ANSWER") return;
        this.#note(`offer ${offer.offerId}: ${String(error)}`);
      }
    });
  }

  #note(error: string): void {
    if (!this.#closed && this.#errors.length < MAX_ERRORS) this.#errors.push(error);
  }
}

const MAX_EVENTS = 1_000;

function findFirstFrame(received: readonly ReceivedTrack[], startedAtMs: number): number | undefined {
  const times = received.flatMap(({ kind, firstFrameAtMs }) =>
    kind === "video" && firstFrameAtMs !== undefined ? [firstFrameAtMs] : [],
  );
  return times.length > 0 ? Math.min(...times) - startedAtMs : undefined;
}

function describeEnd({ reason, error }: SessionEnded): string {
  return error ? `session ended: ${error.code}` : `session ended: reason ${reason}`;
}
