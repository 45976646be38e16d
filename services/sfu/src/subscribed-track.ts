import type { AllocationTier } from "@cation/engine/allocation/allocation-tier";
import type { CodecParameters } from "@cation/engine/codec-parameters";
import type { Consumer } from "@cation/engine/consumer";
import type { HeaderExtensionIds } from "@cation/engine/header-extensions";
import type { TransportHandle } from "@cation/engine/ids";
import type { ConsumerParams } from "@cation/engine/parameters";
import type { Producer } from "@cation/engine/producer";
import type { MonoUs } from "@cation/rtp/units";
import type { Track } from "@cation/proto/state/v1/state";
import type { Clock, Timer } from "@cation/service-kit/clock";
import type { NegotiatedMedia, SubscribedMedia } from "@cation/webrtc/sdp/subscriber-offer";
import type { SubscriptionSettings } from "./subscriptions.ts";
import type { AcquireTrack, TrackLease } from "./track-sources.ts";
import { tierOf, wishedLayers } from "./track-wish.ts";
import type { WishedLayers } from "./track-wish.ts";

/** What sends tracks out. */
export interface SubscriberMedia {
  nowUs(): MonoUs;
  /** @param wantedSinceUs when somebody began to wait for its first frame, for those who measure that */
  addConsumer(producer: Producer, params: ConsumerParams, wantedSinceUs?: MonoUs): Consumer;
  closeConsumer(consumer: Consumer): void;
  setConsumerPaused(consumer: Consumer, paused: boolean): void;
  setConsumerLayers(consumer: Consumer, layers: WishedLayers): void;
  setConsumerTier(consumer: Consumer, tier: AllocationTier): void;
  /** Tells when the network's share for it changes: see `consumer.allocation`. */
  watchAllocation(consumer: Consumer, listener: () => void): void;
  /** @param keepsClock the producer is another participant's: reports go on by the clock of the one before */
  replaceProducer(consumer: Consumer, producer: Producer, keepsClock?: boolean): void;
}

/** After a new source appeared, the one before is kept for this long: it goes on until the new one's first keyframe. */
const SWITCH_PATIENCE_MS = 5_000;

/** What the client agreed to, and where it is. */
interface Agreement {
  readonly transport: TransportHandle;
  readonly codecs: readonly CodecParameters[];
  readonly extensions: HeaderExtensionIds;
}

/**
 * One track on its way to one client. Three things must come together before it flows: its source on this node, the
 * client's agreement, and a transport that has keys; they come in any order.
 */
export class SubscribedTrack {
  readonly media: SubscribedMedia;
  /** Whom its m-line was made for. */
  readonly offeredTrackId: string;
  readonly #offeredParticipantId: string;
  readonly #acquire: AcquireTrack;
  #track: Track;
  readonly #engine: SubscriberMedia;
  readonly #clock: Clock;
  #lease: TrackLease;
  /** Counts leases: only the newest one's producers count. */
  #leaseCount = 0;
  /** Where the track came from before its publisher moved, as long as that may still be needed. */
  #lastLease: TrackLease | undefined;
  #lastLeaseTimer: Timer | undefined;
  readonly #onAllocation: (subscribed: SubscribedTrack) => void;
  #settings: SubscriptionSettings;
  #producer: Producer | undefined;
  #agreement: Agreement | undefined;
  #transportReady = false;
  #consumer: Consumer | undefined;
  #closed = false;
  /** Undefined once it was not wanted for a while, or has begun. */
  #wantedSinceUs: MonoUs | undefined;

  constructor(
    track: Track,
    media: SubscribedMedia,
    settings: SubscriptionSettings,
    engine: SubscriberMedia,
    acquire: AcquireTrack,
    onAllocation: (subscribed: SubscribedTrack) => void,
    clock: Clock,
  ) {
    this.#track = track;
    this.offeredTrackId = track.trackId;
    this.#offeredParticipantId = track.participantId;
    this.media = media;
    this.#settings = settings;
    this.#engine = engine;
    this.#onAllocation = onAllocation;
    this.#wantedSinceUs = settings.paused ? undefined : engine.nowUs();
    this.#acquire = acquire;
    this.#clock = clock;
    this.#lease = this.#takeLease();
  }

  /** What is sent, or will be. */
  get track(): Track {
    return this.#track;
  }

  /**
   * The track as it is now. Where it comes in on another node (its publisher moved), the client notices nothing: what flows
   * goes on until the new source can take over.
   */
  setTrack(track: Track): void {
    const moved = track.nodeId !== this.#track.nodeId;
    this.#track = track;
    if (!moved || this.#closed) return;
    // Moved twice in a row: the source in between never gave anything.
    if (this.#lastLease && !this.#lastLeaseTimer) this.#lease.release();
    else {
      this.#releaseLastLease();
      this.#lastLease = this.#lease;
    }
    this.#lease = this.#takeLease();
  }

  /** Another track takes its m-line over, without negotiation: ssrc, numbers and timestamps go on. */
  rebind(track: Track, settings: SubscriptionSettings): void {
    if (this.#closed) return;
    const before = this.#lease;
    this.#track = track;
    this.#settings = settings;
    this.#producer = undefined;
    this.#lease = this.#takeLease();
    // After the new one is held: what both come from is not let go meanwhile.
    before.release();
    this.#releaseLastLease();
    if (this.#consumer) this.#applySettings(this.#consumer);
  }

  /** Sends it; undefined until all is there. */
  get consumer(): Consumer | undefined {
    return this.#consumer;
  }

  setSettings(settings: SubscriptionSettings): void {
    this.#settings = settings;
    if (settings.paused) this.#wantedSinceUs = undefined;
    if (this.#consumer) this.#applySettings(this.#consumer);
  }

  /** The client answered an offer that had this track. */
  setAgreement(negotiated: NegotiatedMedia, transport: TransportHandle): void {
    const { accepted, codecs, extensions } = negotiated;
    if (!accepted) {
      this.#agreement = undefined;
      this.#stop();
      return;
    }
    // What was once agreed on an m-line stays: payload types and ids are ours, and answers repeat them.
    this.#agreement ??= { transport, codecs, extensions };
    this.#tryStart();
  }

  /** Its transport has keys (again). */
  setTransportReady(): void {
    this.#transportReady = true;
    this.#tryStart();
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stop();
    this.#lease.release();
    this.#releaseLastLease();
  }

  #takeLease(): TrackLease {
    const turn = (this.#leaseCount += 1);
    return this.#acquire(this.#track, (producer) => {
      if (turn === this.#leaseCount) this.#setProducer(producer);
    });
  }

  #releaseLastLease(): void {
    this.#lastLeaseTimer?.cancel();
    this.#lastLeaseTimer = undefined;
    this.#lastLease?.release();
    this.#lastLease = undefined;
  }

  #setProducer(producer: Producer | undefined): void {
    if (this.#closed) return;
    this.#producer = producer;
    const isForeign = this.#track.participantId !== this.#offeredParticipantId;
    // The source before may have ended without a successor.
    if (this.#consumer?.closed === true) this.#consumer = undefined;
    if (producer && this.#lastLease) {
      this.#lastLeaseTimer ??= this.#clock.setTimer(SWITCH_PATIENCE_MS, () => this.#releaseLastLease());
    }
    if (!producer) this.#stop();
    else if (this.#consumer) this.#engine.replaceProducer(this.#consumer, producer, isForeign);
    else this.#tryStart();
  }

  #tryStart(): void {
    if (this.#consumer || !this.#producer || !this.#agreement || !this.#transportReady) return;
    const { transport, codecs, extensions } = this.#agreement;
    const { mid, ssrc, rtxSsrc } = this.media;
    const streams = [{ ssrc, rtxSsrc }];
    const params = { transport, codecs, extensions, mid, mode: "single", streams } as const;
    this.#consumer = this.#engine.addConsumer(this.#producer, params, this.#wantedSinceUs);
    this.#wantedSinceUs = undefined;
    this.#engine.watchAllocation(this.#consumer, () => this.#onAllocation(this));
    this.#applySettings(this.#consumer);
  }

  #applySettings(consumer: Consumer): void {
    this.#engine.setConsumerTier(consumer, tierOf(this.#settings, this.#track));
    this.#engine.setConsumerLayers(consumer, wishedLayers(this.#settings, this.#track));
    this.#engine.setConsumerPaused(consumer, this.#settings.paused);
  }

  #stop(): void {
    if (!this.#consumer) return;
    this.#engine.closeConsumer(this.#consumer);
    this.#consumer = undefined;
  }
}
