import type { LayerDemand } from "@cation/engine/demand/demand-watcher";
import type { ProducerParams } from "@cation/engine/parameters";
import type { Producer } from "@cation/engine/producer";
import type { PublisherAnswer, PublisherOffer, TrackBinding } from "@cation/proto/client/v1/client";
import type { ChangeResponse, IslbService } from "@cation/proto/islb/v1/islb";
import type { Participant, Track } from "@cation/proto/state/v1/state";
import { CodedError, toCodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import type { DtlsFingerprint } from "@cation/webrtc/dtls";
import { writePublisherAnswer } from "@cation/webrtc/sdp/publisher-answer";
import { parsePublisherOffer } from "@cation/webrtc/sdp/publisher-offer";
import type { PublisherOffer as ParsedOffer } from "@cation/webrtc/sdp/publisher-offer";
import type { TransportState } from "@cation/webrtc/transport-state";
import type { ClientTransport, ClientTransportOpener } from "./client-transport.ts";
import type { LocalTracks } from "./local-tracks.ts";
import type { MediaMilestone } from "./media-milestones.ts";
import { compareMedia, mergeExtensions, readSentMedia, toProducerParams, toTrackRecord } from "./published-media.ts";
import type { MediaChange, SentMedia } from "./published-media.ts";
import { readSdp } from "./sdp-errors.ts";
import { SerialQueue } from "./serial-queue.ts";

/** What takes tracks in. */
export interface PublisherMedia extends ClientTransportOpener {
  addProducer(params: ProducerParams): Producer;
  /** Tells what everybody wants of it, whenever that changes. */
  watchDemand(producer: Producer, listener: (demand: LayerDemand) => void): void;
  closeProducer(producer: Producer): void;
  /** The same track with other ssrcs. */
  updateProducer(producer: Producer, params: ProducerParams): void;
  /** While set, the producer's packets go no further. */
  setProducerMuted(producer: Producer, muted: boolean): void;
}

export interface PublisherConnectionOptions {
  readonly participant: Participant;
  readonly roomId: string;
  readonly nodeId: string;
  readonly media: PublisherMedia;
  readonly tracks: LocalTracks;
  readonly islb: Pick<IslbService, "publishTrack" | "unpublishTrack" | "setTrackMuted">;
  readonly logger: Logger;
  readonly readEpoch: () => number;
  readonly createTrackId: () => string;
  /** islb said that this node's knowledge of the room is old: reads it. Resolves when that was done, or could not be. */
  readonly onStale: () => Promise<void>;
  /** Whether a track of this id is the participant's own, on another node: it goes on here. */
  readonly mayContinue: (trackId: string) => boolean;
  readonly onState: (state: TransportState) => void;
  /** Others want other layers of a track than before. */
  readonly onDemand: (trackId: string, demand: LayerDemand) => void;
  /** A transport is opened. */
  readonly onOpen: () => void;
  /** Told what happens first on it, where somebody wants to know. */
  readonly onMilestone: ((milestone: MediaMilestone) => void) | undefined;
}

/** The room as islb has it, as far as it is read here. */
export interface StoredRoom {
  readonly epoch: number;
  readonly version: number;
  readonly tracks: ReadonlyMap<string, Track>;
}

/** A track that the participant publishes. */
interface Published {
  readonly mid: string;
  readonly track: Track;
  params: ProducerParams;
  readonly producer: Producer;
  /** As its owner wants it; somebody else may have muted it nevertheless. */
  muted: boolean;
  /** Where the room stood once islb knew of it; undefined until then. */
  position: ChangeResponse | undefined;
}

/**
 * The connection on which a participant sends: it offers, this side answers. An offer is taken as a whole or not at all:
 * when one of its tracks is refused, none of its new tracks is published.
 */
export class PublisherConnection {
  readonly #options: PublisherConnectionOptions;
  readonly #queue = new SerialQueue();
  readonly #published = new Map<string, Published>();
  #transport: ClientTransport | undefined;
  #iceUfrag = "";
  #fingerprints: readonly DtlsFingerprint[] = [];
  #closed = false;

  constructor(options: PublisherConnectionOptions) {
    this.#options = options;
  }

  /** Whether a transport is held. */
  get hasTransport(): boolean {
    return this.#transport !== undefined;
  }

  /** Whether the participant publishes anything. */
  get isPublishing(): boolean {
    return this.#published.size > 0;
  }

  /** Whether the participant publishes this track. */
  has(trackId: string): boolean {
    return this.#find(trackId) !== undefined;
  }

  /**
   * Takes an offer in and answers it. Errors: SDP_…, MESSAGE_MALFORMED, PERMISSION_DENIED, and what islb refuses a track
   * with.
   */
  offer(request: PublisherOffer): Promise<PublisherAnswer> {
    return this.#queue.run(async () => {
      this.#checkOpen();
      const offer = readSdp(() => parsePublisherOffer(request.sdp));
      const sent = readSentMedia(offer, request.tracks, this.#options.participant.grants);
      const transport = this.#prepareTransport(offer);
      try {
        await this.#applyMedia(sent, transport);
      } catch (error) {
        if (this.#published.size === 0) this.#closeTransport();
        throw error;
      }
      return { sdp: writePublisherAnswer(offer, transport.describe()), tracks: this.#bindings() };
    });
  }

  /** What comes in of each track, by its id. */
  get producers(): ReadonlyMap<string, Producer> {
    return new Map([...this.#published.values()].map(({ track, producer }) => [track.trackId, producer]));
  }

  /** What others want of each track, by its id. */
  get demands(): ReadonlyMap<string, LayerDemand> {
    return new Map([...this.#published.values()].map(({ track, producer }) => [track.trackId, producer.demand]));
  }

  /** Takes a track back. Error: TRACK_NOT_FOUND. */
  unpublish(trackId: string): Promise<void> {
    return this.#queue.run(async () => {
      const published = this.#find(trackId);
      if (!published) throw new CodedError("TRACK_NOT_FOUND");
      await this.#remove(published);
    });
  }

  /** Mutes or unmutes a track, as its owner. Its packets pass either way: the client stops sending by itself. */
  setMuted(trackId: string, muted: boolean): Promise<void> {
    return this.#queue.run(async () => {
      const published = this.#find(trackId);
      if (!published) throw new CodedError("TRACK_NOT_FOUND");
      published.muted = muted;
      const { islb, roomId } = this.#options;
      await this.#call((epoch) => islb.setTrackMuted({ roomId, epoch, trackId, muted }));
    });
  }

  /** The room says that a track is muted. Where its owner did not want that, its packets are dropped here. */
  applyMuted(trackId: string, muted: boolean): void {
    const published = this.#find(trackId);
    if (!published) return;
    this.#options.media.setProducerMuted(published.producer, muted && !published.muted);
    if (!muted) published.muted = false;
  }

  /** Compares with the room as islb has it, and heals what was lost on the way there. */
  reconcile(room: StoredRoom): void {
    for (const published of this.#published.values()) {
      const { track, position } = published;
      const stored = room.tracks.get(track.trackId);
      if (stored) this.applyMuted(track.trackId, stored.muted);
      else if (position && isAtLeast(room, position)) void this.#queue.run(() => this.#republish(published));
    }
  }

  /** The room has a track of this participant on this node that is not published (any more): takes it back. */
  forgetGhost(trackId: string): void {
    void this.#queue.run(async () => {
      if (!this.has(trackId)) await this.#tellUnpublished(trackId);
    });
  }

  /** Frees everything. islb is not told: it removes the tracks with their participant. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const published of [...this.#published.values()]) this.#dispose(published);
    this.#closeTransport();
  }

  /** The transport for an offer: the one there is, unless the client comes with another certificate. */
  #prepareTransport(offer: ParsedOffer): ClientTransport {
    const { participant, media } = this.#options;
    if (this.#transport && !sharesFingerprint(this.#fingerprints, offer.fingerprints)) this.#reset();
    const isRestart = this.#transport !== undefined && offer.iceUfrag !== this.#iceUfrag;
    this.#transport ??= this.#open(media, participant.participantId, offer);
    if (isRestart) this.#transport.restartIce();
    this.#iceUfrag = offer.iceUfrag;
    this.#fingerprints = offer.fingerprints;
    this.#transport.setRemote(offer);
    return this.#transport;
  }

  #open(media: PublisherMedia, cname: string, offer: ParsedOffer): ClientTransport {
    const transport = media.openClientTransport({
      cname,
      extensions: mergeExtensions(offer),
      onMilestone: this.#options.onMilestone,
      onState: (state) => {
        if (this.#transport !== transport) return;
        this.#options.onState(state);
        // The client closed its peer connection: what it published is gone.
        if (state === "closed") this.#reset();
      },
    });
    this.#options.onOpen();
    return transport;
  }

  /** The client's peer connection is gone, and all that it carried. */
  #reset(): void {
    for (const published of [...this.#published.values()]) {
      this.#dispose(published);
      void this.#queue.run(() => this.#tellUnpublished(published.track.trackId));
    }
    this.#closeTransport();
  }

  #closeTransport(): void {
    this.#transport?.close();
    this.#transport = undefined;
  }

  async #applyMedia(sent: ReadonlyMap<string, SentMedia>, transport: ClientTransport): Promise<void> {
    const added: Published[] = [];
    const replaced: Published[] = [];
    const gone = [...this.#published.values()].filter(({ mid }) => !sent.has(mid));
    try {
      for (const [mid, media] of sent) {
        const before = this.#published.get(mid);
        if (before && this.#goesOn(before, media)) continue;
        if (before) {
          replaced.push(before);
          // Its ssrcs and mid are free only once it is closed.
          this.#dispose(before);
        }
        added.push(this.#add(mid, media, transport));
      }
      await Promise.all(added.map((published) => this.#publish(published)));
    } catch (error) {
      await Promise.all(added.map((published) => this.#remove(published)));
      throw toCodedError(error);
    } finally {
      await Promise.all(replaced.map(({ track }) => this.#tellUnpublished(track.trackId)));
    }
    await Promise.all(gone.map((published) => this.#remove(published)));
  }

  /** Whether the m-line carries the same track as before; takes over what is new about it. */
  #goesOn(published: Published, sent: SentMedia): boolean {
    const params = toProducerParams(sent, published.track.trackId, published.params.transport);
    const change = changeOf(published, sent, params);
    if (change === "streams") {
      this.#options.media.updateProducer(published.producer, params);
      published.params = params;
    }
    return change !== "track";
  }

  #add(mid: string, sent: SentMedia, transport: ClientTransport): Published {
    const { participant, nodeId, media, createTrackId, mayContinue } = this.#options;
    const { trackId: knownId } = sent.description;
    const goesOn = knownId !== "" && !this.has(knownId) && mayContinue(knownId);
    const params = toProducerParams(sent, goesOn ? knownId : createTrackId(), transport.handle);
    const track = toTrackRecord(sent, params, participant, nodeId);
    const producer = media.addProducer(params);
    media.watchDemand(producer, (demand) => this.#options.onDemand(track.trackId, demand));
    const published: Published = { mid, track, params, producer, muted: track.muted, position: undefined };
    this.#published.set(mid, published);
    return published;
  }

  /** Makes the track known: first on this node, so that whoever hears of it finds it, then in the room. */
  async #publish(published: Published): Promise<void> {
    const { roomId, islb, tracks } = this.#options;
    const { track, params, producer } = published;
    tracks.add({ roomId, track, params, producer });
    published.position = await this.#call((epoch) => islb.publishTrack({ roomId, epoch, track }));
    this.#checkOpen();
  }

  async #republish(published: Published): Promise<void> {
    if (this.#find(published.track.trackId) !== published) return;
    const { roomId, islb, logger } = this.#options;
    const track = { ...published.track, muted: published.muted };
    try {
      published.position = await this.#call((epoch) => islb.publishTrack({ roomId, epoch, track }));
    } catch (error) {
      logger.warn({ err: error, trackId: track.trackId, roomId }, "lost track not published again, will retry");
    }
  }

  async #remove(published: Published): Promise<void> {
    this.#dispose(published);
    await this.#tellUnpublished(published.track.trackId);
  }

  #dispose(published: Published): void {
    const { tracks, media } = this.#options;
    if (this.#published.get(published.mid) === published) this.#published.delete(published.mid);
    tracks.remove(published.track.trackId);
    media.closeProducer(published.producer);
  }

  /** When it fails, the next reading of the room finds the track and takes it back. */
  async #tellUnpublished(trackId: string): Promise<void> {
    const { roomId, islb, logger, nodeId } = this.#options;
    if (this.#closed) return;
    try {
      await this.#call((epoch) => islb.unpublishTrack({ roomId, epoch, trackId, nodeId }));
    } catch (error) {
      logger.warn({ err: error, trackId, roomId }, "islb not told that a track is gone, will retry");
    }
  }

  /** Calls islb under the room's epoch; once more where that was raised meanwhile. */
  async #call<T>(call: (epoch: number) => Promise<T>): Promise<T> {
    const { readEpoch, onStale } = this.#options;
    const epoch = readEpoch();
    try {
      return await call(epoch);
    } catch (error) {
      if (toCodedError(error).code !== "STALE_EPOCH") throw error;
      await onStale();
      if (readEpoch() <= epoch) throw error;
      return call(readEpoch());
    }
  }

  #bindings(): TrackBinding[] {
    const { participantId } = this.#options.participant;
    return [...this.#published.values()].map(({ mid, track }) => ({ mid, trackId: track.trackId, participantId }));
  }

  #find(trackId: string): Published | undefined {
    for (const published of this.#published.values()) if (published.track.trackId === trackId) return published;
    return undefined;
  }

  #checkOpen(): void {
    if (this.#closed) throw new CodedError("SESSION_NOT_FOUND");
  }
}

function changeOf({ track, params }: Published, sent: SentMedia, after: ProducerParams): MediaChange {
  const { source, name } = sent.description;
  return track.source === source && track.name === name ? compareMedia(params, after) : "track";
}

function sharesFingerprint(known: readonly DtlsFingerprint[], announced: readonly DtlsFingerprint[]): boolean {
  return announced.some(({ algorithm, value }) =>
    known.some((one) => one.algorithm === algorithm && one.value === value),
  );
}

function isAtLeast(room: StoredRoom, position: ChangeResponse): boolean {
  return room.epoch > position.epoch || (room.epoch === position.epoch && room.version >= position.version);
}
