import type { Consumer } from "@cation/engine/consumer";
import type { Random } from "@cation/engine/random";
import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { SubscriberAnswer, SubscriberOffer, TrackAllocation, TrackBinding } from "@cation/proto/client/v1/client";
import type { Track } from "@cation/proto/state/v1/state";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import { SubscriberDescription } from "@cation/webrtc/sdp/subscriber-offer";
import type { TransportState } from "@cation/webrtc/transport-state";
import { AllocationTeller } from "./allocation-teller.ts";
import type { RationedTrack } from "./allocation-teller.ts";
import type { ClientTransport, ClientTransportOpener } from "./client-transport.ts";
import type { PacedWork } from "./paced-work.ts";
import type { MediaMilestone } from "./media-milestones.ts";
import { readSdp } from "./sdp-errors.ts";
import { AudioLines } from "./speakers/audio-lines.ts";
import type { LineChange } from "./speakers/audio-lines.ts";
import type { RoomAudio } from "./speakers/room-audio.ts";
import { SubscribedTrack } from "./subscribed-track.ts";
import type { SubscriberMedia } from "./subscribed-track.ts";
import type { Subscriptions } from "./subscriptions.ts";
import { kindOf, toCodecParameters } from "./track-records.ts";
import type { AcquireTrack } from "./track-sources.ts";

/** Tracks of one participant come one after the other: they share an offer when they come within this time. */
const OFFER_DELAY_MS = 10;

export interface SubscriberConnectionOptions {
  readonly participantId: string;
  readonly subscriptions: Subscriptions;
  readonly media: ClientTransportOpener & SubscriberMedia;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the offers, in turn with those of others. */
  readonly work: PacedWork;
  /** The room's tracks, as this node knows them now. */
  readonly tracks: () => ReadonlyMap<string, Track>;
  readonly acquire: AcquireTrack;
  readonly onOffer: (offer: SubscriberOffer) => void;
  readonly onState: (state: TransportState) => void;
  readonly audio: Pick<RoomAudio, "want" | "speaking" | "ranked">;
  /** Lines of sound that a participant has at most. */
  readonly maxAudioStreams: number;
  /** m-lines carry other tracks than the newest offer says. */
  readonly onBindings: (bindings: TrackBinding[]) => void;
  /** The network's share for these tracks is another one. */
  readonly onAllocations: (tracks: TrackAllocation[]) => void;
  /** A transport is opened. */
  readonly onOpen: () => void;
  /** Told what happens first on it, where somebody wants to know. */
  readonly onMilestone: ((milestone: MediaMilestone) => void) | undefined;
}

/**
 * The connection on which a participant receives: this side offers, one offer at a time; what changes while one is
 * outstanding comes in the next.
 */
export class SubscriberConnection {
  readonly #options: SubscriberConnectionOptions;
  readonly #allocations: AllocationTeller;
  readonly #lines: AudioLines;
  /** Audio tracks that are wanted, heard or not: what takes that back. */
  readonly #wanted = new Map<string, () => void>();
  readonly #subscribed = new Map<string, SubscribedTrack>();
  #description: SubscriberDescription;
  #transport: ClientTransport | undefined;
  #offerId = 0;
  /** Made, and not answered. */
  #pending: SubscriberOffer | undefined;
  /** Something changed since the last offer. */
  #dirty = false;
  #timer: Timer | undefined;
  /** The client closed its peer connection: nothing is offered until it asks for it. */
  #suspended = false;
  #closed = false;

  constructor(options: SubscriberConnectionOptions) {
    this.#options = options;
    this.#lines = new AudioLines(options.maxAudioStreams);
    this.#allocations = new AllocationTeller(options.clock, options.onAllocations);
    this.#description = new SubscriberDescription(options.random);
  }

  /** Whether a transport is held. */
  get hasTransport(): boolean {
    return this.#transport !== undefined;
  }

  /** The offer that waits for its answer, for a client that lost its connection. */
  get pendingOffer(): SubscriberOffer | undefined {
    return this.#pending;
  }

  /** Tracks that are not sent as wished, for a client that lost its connection. */
  get allocations(): TrackAllocation[] {
    return this.#allocations.current;
  }

  /** What is sent, by track id. */
  get consumers(): ReadonlyMap<string, Consumer> {
    const consumers = new Map<string, Consumer>();
    for (const [trackId, { consumer }] of this.#subscribed) if (consumer) consumers.set(trackId, consumer);
    return consumers;
  }

  /** Tracks that are sent or about to be, by track id. */
  get subscribed(): ReadonlyMap<string, SubscribedTrack> {
    return this.#subscribed;
  }

  /** Makes what is sent equal to what is wanted of what is there. */
  reconcile(): void {
    for (const trackId of [...this.#subscribed.keys(), ...this.#wanted.keys()]) this.reconcileTrack(trackId);
    for (const trackId of this.#options.tracks().keys()) this.reconcileTrack(trackId);
  }

  /** The same for one track, which came, went or is wanted in another way. */
  reconcileTrack(trackId: string): void {
    if (this.#closed || this.#suspended) return;
    const track = this.#options.tracks().get(trackId);
    const settings = track && this.#options.subscriptions.settingsFor(track);
    const subscribed = this.#subscribed.get(trackId);
    if (track && settings) {
      if (!subscribed) return this.#want(track);
      subscribed.setSettings(settings);
      subscribed.setTrack(track);
    } else {
      this.#unwant(trackId);
    }
  }

  /** Whether not all wanted sound has an m-line. */
  get isShortOfLines(): boolean {
    return this.#lines.isShort;
  }

  /** Lines of sound go over to who speaks, where there are fewer of them than tracks. */
  followSpeakers(): void {
    const { audio } = this.#options;
    if (!this.#lines.isShort) return;
    const speaking = audio.speaking.filter((trackId) => this.#isHearable(trackId));
    this.#rebind(this.#lines.follow(speaking, audio.ranked));
  }

  /** Errors: STALE_ANSWER, SDP_…. */
  answer({ offerId, sdp }: SubscriberAnswer): void {
    const transport = this.#transport;
    if (!this.#pending || !transport || offerId !== this.#pending.offerId) throw new CodedError("STALE_ANSWER");
    const answer = readSdp(() => this.#description.applyAnswer(sdp));
    this.#pending = undefined;
    transport.setRemote(answer);
    for (const subscribed of this.#subscribed.values()) {
      const negotiated = answer.media.get(subscribed.media.mid);
      // The m-line may have had another track in the offer that was answered.
      if (negotiated?.trackId === subscribed.offeredTrackId) subscribed.setAgreement(negotiated, transport.handle);
    }
    if (this.#dirty) this.#scheduleOffer();
  }

  /** The client's network changed: an offer with new credentials, in place of one that is outstanding. */
  restart(): void {
    this.#suspended = false;
    this.reconcile();
    this.#transport?.restartIce();
    this.#pending = undefined;
    if (!this.#description.isEmpty) this.#offer();
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#allocations.close();
    this.#releaseAll();
    this.#transport?.close();
    this.#transport = undefined;
  }

  #releaseAll(): void {
    for (const subscribed of this.#subscribed.values()) subscribed.close();
    this.#subscribed.clear();
    for (const release of this.#wanted.values()) release();
    this.#wanted.clear();
    this.#lines.clear();
  }

  #want(track: Track): void {
    const { trackId } = track;
    if (kindOf(track) !== "audio") return this.#add(track);
    if (!this.#wanted.has(trackId)) this.#wanted.set(trackId, this.#options.audio.want(trackId));
    if (!this.#lines.has(trackId) && this.#lines.add(trackId)) this.#add(track);
  }

  #unwant(trackId: string): void {
    this.#wanted.get(trackId)?.();
    this.#wanted.delete(trackId);
    const change = this.#lines.remove(trackId, this.#options.audio.ranked);
    if (change) return this.#rebind([change]);
    const subscribed = this.#subscribed.get(trackId);
    if (subscribed) this.#remove(subscribed);
  }

  /** Not what the participant has paused. */
  #isHearable(trackId: string): boolean {
    const track = this.#options.tracks().get(trackId);
    return track !== undefined && this.#options.subscriptions.settingsFor(track)?.paused === false;
  }

  #rebind(changes: readonly LineChange[]): void {
    const bindings: TrackBinding[] = [];
    for (const { from, to } of changes) {
      const track = this.#options.tracks().get(to);
      const settings = track && this.#options.subscriptions.settingsFor(track);
      const subscribed = this.#subscribed.get(from);
      if (!track || !settings) continue;
      // The one before had no m-line, since the connection is full or its codec is none that is forwarded.
      if (!subscribed) {
        this.#add(track);
        continue;
      }
      this.#subscribed.delete(from);
      this.#subscribed.set(to, subscribed);
      subscribed.rebind(track, settings);
      bindings.push({ mid: subscribed.media.mid, trackId: to, participantId: track.participantId });
    }
    if (bindings.length > 0) this.#options.onBindings(bindings);
  }

  #add(track: Track): void {
    const kind = kindOf(track);
    const settings = this.#options.subscriptions.settingsFor(track);
    if (!kind || !settings) return;
    const { trackId, participantId } = track;
    const codecs = track.codecs.map((codec) => toCodecParameters(codec, 0));
    const media = this.#description.addTrack({ trackId, participantId, kind, codecs });
    // The connection is full, or the track has no codec that is forwarded.
    if (!media) return;
    const { media: engine, acquire, clock } = this.#options;
    const onAllocation = (changed: SubscribedTrack): void => this.#allocations.changed(rationed(changed));
    const subscribed = new SubscribedTrack(track, media, settings, engine, acquire, onAllocation, clock);
    if (isReady(this.#transport?.state)) subscribed.setTransportReady();
    this.#subscribed.set(trackId, subscribed);
    this.#scheduleOffer();
  }

  #remove(subscribed: SubscribedTrack): void {
    this.#subscribed.delete(subscribed.track.trackId);
    this.#allocations.forget(subscribed.track.trackId);
    subscribed.close();
    this.#description.removeTrack(subscribed.media.mid);
    this.#scheduleOffer();
  }

  #scheduleOffer(): void {
    this.#dirty = true;
    if (this.#pending || this.#closed) return;
    this.#timer ??= this.#options.clock.setTimer(OFFER_DELAY_MS, () => {
      this.#timer = undefined;
      this.#options.work.add(() => {
        if (this.#dirty && !this.#pending) this.#offer();
      });
    });
  }

  #offer(): void {
    if (this.#closed) return;
    this.#dirty = false;
    this.#transport ??= this.#openTransport();
    this.#offerId += 1;
    this.#pending = {
      offerId: this.#offerId,
      sdp: this.#description.writeOffer(this.#transport.describe()),
      tracks: [...this.#subscribed.values()].map(({ track, media }) => ({
        mid: media.mid,
        trackId: track.trackId,
        participantId: track.participantId,
      })),
    };
    this.#options.onOffer(this.#pending);
  }

  #openTransport(): ClientTransport {
    const transport = this.#options.media.openClientTransport({
      cname: this.#options.participantId,
      // What the client sends here is RTCP.
      extensions: NO_HEADER_EXTENSIONS,
      onMilestone: this.#options.onMilestone,
      onState: (state) => {
        if (this.#transport === transport) this.#transportChanged(state);
      },
    });
    this.#options.onOpen();
    return transport;
  }

  #transportChanged(state: TransportState): void {
    this.#options.onState(state);
    if (state === "connected") for (const subscribed of this.#subscribed.values()) subscribed.setTransportReady();
    if (state === "closed") this.#loseTransport();
  }

  /** The client closed its peer connection. What comes next is a new one, which knows no m-lines yet. */
  #loseTransport(): void {
    this.#suspended = true;
    this.#releaseAll();
    this.#transport?.close();
    this.#transport = undefined;
    this.#pending = undefined;
    this.#dirty = false;
    this.#description = new SubscriberDescription(this.#options.random);
  }
}

/** Whether a transport has had its keys. */
function isReady(state: TransportState | undefined): boolean {
  return state === "connected" || state === "disconnected";
}

function rationed({ track, consumer }: SubscribedTrack): RationedTrack {
  return { trackId: track.trackId, allocation: consumer?.allocation };
}
