import type { PublishedTrack, PublisherAnswer, PublisherOffer, TrackDemand } from "@cation/proto/client/v1/client";
import { describeEncodings, videoEncodings } from "./encodings.ts";
import type { VideoEncoding } from "./encodings.ts";
import type { ClientEnvironment } from "./environment.ts";
import { type CationError, asCationError, clientError } from "./errors.ts";
import { IceRecovery } from "./ice-recovery.ts";
import { SenderDemand } from "./sender-demand.ts";
import { SerialQueue } from "./serial-queue.ts";
import { withStartBitrate } from "./start-bitrate.ts";
import { sourceToWire } from "./track-source.ts";
import type { LocalTrack } from "./tracks.ts";

/** Where browsers begin by themselves, and as much as nearly every uplink carries. */
const MIN_START_BITRATE_BPS = 300_000;
const MAX_START_BITRATE_BPS = 1_200_000;

export interface PublisherObserver {
  /** Sends an offer to the server. */
  offer(offer: PublisherOffer): Promise<PublisherAnswer>;
  /** Tells the server that a track is gone, which is quicker for the others than the negotiation that follows. */
  unpublish(trackId: string): Promise<void>;
  onStateChanged(state: RTCPeerConnectionState): void;
  /** ICE restarts did not help. */
  onMediaLost(wasConnected: boolean): void;
}

interface Published {
  readonly track: LocalTrack;
  readonly transceiver: RTCRtpTransceiver;
  readonly encodings: VideoEncoding[];
  readonly demand: SenderDemand;
}

/** A track on its way to its first offer. */
interface Waiting {
  readonly track: LocalTrack;
  resolve(): void;
  reject(error: CationError): void;
}

/**
 * The connection on which this participant sends: opened with the first track, the client offers. Tracks that are
 * published at the same moment share an offer.
 */
export class Publisher {
  readonly #environment: ClientEnvironment;
  readonly #observer: PublisherObserver;
  readonly #connection: RTCPeerConnection;
  readonly #queue = new SerialQueue();
  readonly #recovery: IceRecovery;
  readonly #published = new Map<LocalTrack, Published>();
  #waiting: Waiting[] = [];
  #retired = false;
  #closed = false;

  constructor(environment: ClientEnvironment, configuration: RTCConfiguration, observer: PublisherObserver) {
    this.#environment = environment;
    this.#observer = observer;
    this.#connection = environment.createPeerConnection(configuration);
    this.#recovery = new IceRecovery(environment, {
      restart: () => this.#restartIce(),
      giveUp: (wasConnected) => observer.onMediaLost(wasConnected),
    });
    this.#connection.addEventListener("connectionstatechange", () => {
      if (this.#retired) return;
      observer.onStateChanged(this.#connection.connectionState);
      this.#recovery.onState(this.#connection.connectionState);
    });
  }

  /** Offers a track. Resolves when the server has taken it and its id is set. */
  publish(track: LocalTrack): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ track, resolve, reject });
      if (this.#waiting.length === 1) void this.#queue.run(() => this.#offerWaiting());
    });
  }

  /** Takes a track out of the connection. */
  unpublish(track: LocalTrack): Promise<void> {
    return this.#queue.run(async () => {
      const published = this.#published.get(track);
      if (published === undefined || this.#retired) return;
      this.#published.delete(track);
      published.transceiver.stop();
      // Between the two no offer may be made: it would publish the m-line again.
      await this.#observer.unpublish(track.id);
      await this.#negotiate();
    });
  }

  /** What others want of a track: encodings that nobody does are not sent. */
  setDemand(demand: TrackDemand): void {
    for (const published of this.#published.values()) {
      if (published.track.kind === "video" && published.track.id === demand.trackId) published.demand.set(demand);
    }
  }

  /** Sends something else, or nothing, as the same track: no negotiation is needed. */
  async replaceMedia(track: LocalTrack, mediaTrack: MediaStreamTrack | null): Promise<void> {
    try {
      await this.#published.get(track)?.transceiver.sender.replaceTrack(mediaTrack);
    } catch (thrown) {
      throw asCationError(thrown, "NEGOTIATION_FAILED", "The browser cannot send this capture in place of the other.");
    }
  }

  /** The machine is on another network. */
  onNetworkChange(): void {
    this.#recovery.onNetworkChange();
  }

  getStats(): Promise<RTCStatsReport> {
    return this.#connection.getStats();
  }

  /** Whether it sends. */
  get connected(): boolean {
    return this.#connection.connectionState === "connected";
  }

  /** Another connection takes over: this one sends on as it is, negotiates nothing more, and is closed soon. */
  retire(): void {
    if (this.#retired || this.#closed) return;
    this.#retired = true;
    this.#recovery.close();
    for (const waiting of this.#waiting) waiting.reject(closedError());
    this.#waiting = [];
  }

  close(): void {
    if (this.#closed) return;
    this.retire();
    this.#closed = true;
    this.#connection.close();
  }

  async #offerWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (await this.#tryOffer(waiting)) return;
    // One of several was refused: each is offered alone, so that the refusal meets the right one.
    for (const one of waiting) await this.#tryOffer([one]);
  }

  /** Offers these together. False: refused, and it is not yet known which of them. */
  async #tryOffer(waiting: Waiting[]): Promise<boolean> {
    const added: Published[] = [];
    try {
      if (this.#retired) throw closedError();
      for (const { track } of waiting) added.push(this.#add(track));
      await this.#negotiate();
    } catch (thrown) {
      const error = asCationError(thrown, "NEGOTIATION_FAILED", "The browser could not offer the track.");
      this.#remove(added);
      if (waiting.length > 1 && !error.retryable && !this.#retired) return false;
      for (const one of waiting) one.reject(error);
      return true;
    }
    for (const one of waiting) one.resolve();
    return true;
  }

  #add(track: LocalTrack): Published {
    const { kind, source, options } = track;
    const codecs = this.#environment.codecs(kind);
    const preferred = kind === "audio" && options.redundancy === true ? "audio/red" : options.codec?.toLowerCase();
    const codec = codecs.find(({ mimeType }) => mimeType.toLowerCase() === preferred);
    const simulcast = options.simulcast ?? true;
    const encodings = kind === "video" ? videoEncodings(source, track.size, simulcast, codec?.mimeType) : [];
    const published = this.#addTransceiver(track, encodings);
    if (codec !== undefined) {
      preferCodec(published.transceiver, codec.mimeType, codecs);
      if (codec.mimeType.toLowerCase() === "video/av1") offerDependencyDescriptor(published.transceiver);
    }
    this.#published.set(track, published);
    return published;
  }

  /** A browser that does not know the scalability mode gets the encodings without it. */
  #addTransceiver(track: LocalTrack, encodings: VideoEncoding[]): Published {
    // A capture that is let go for now (camera off) keeps its place by its kind alone.
    const media = track.mediaTrack ?? track.kind;
    const add = (sendEncodings: VideoEncoding[]): Published => {
      const init = { direction: "sendonly" as const, ...(sendEncodings.length === 0 ? {} : { sendEncodings }) };
      const transceiver = this.#connection.addTransceiver(media, init);
      return { track, transceiver, encodings: sendEncodings, demand: new SenderDemand(transceiver.sender) };
    };
    try {
      return add(encodings);
    } catch (thrown) {
      if (!encodings.some(({ scalabilityMode }) => scalabilityMode !== undefined)) throw thrown;
      return add(encodings.map((encoding) => ({ ...encoding, scalabilityMode: undefined })));
    }
  }

  #remove(added: readonly Published[]): void {
    for (const published of added) {
      this.#published.delete(published.track);
      published.transceiver.stop();
    }
  }

  #restartIce(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#retired || this.#published.size === 0) return;
      await this.#negotiate({ iceRestart: true });
    });
  }

  /** One offer and its answer; an offer that fails is taken back. */
  async #negotiate(options?: RTCOfferOptions): Promise<void> {
    try {
      await this.#exchange(options);
    } catch (thrown) {
      await this.#rollBack();
      throw thrown;
    }
  }

  async #exchange(options?: RTCOfferOptions): Promise<void> {
    const connection = this.#connection;
    await connection.setLocalDescription(await connection.createOffer(options));
    const answer = await this.#observer.offer({
      sdp: connection.localDescription?.sdp ?? "",
      tracks: [...this.#published.values()].map(describe),
    });
    if (this.#retired) throw closedError();
    const sdp = withStartBitrate(answer.sdp, startBitrateBps([...this.#published.values()]));
    await connection.setRemoteDescription({ type: "answer", sdp });
    const trackIds = new Map(answer.tracks.map((binding) => [binding.mid, binding.trackId]));
    for (const { track, transceiver } of this.#published.values()) {
      const trackId = transceiver.mid === null ? undefined : trackIds.get(transceiver.mid);
      if (trackId === undefined) throw clientError("PROTOCOL_ERROR", "The server did not name a published track.");
      track.setId(trackId);
    }
  }

  async #rollBack(): Promise<void> {
    if (this.#connection.signalingState !== "have-local-offer") return;
    try {
      await this.#connection.setLocalDescription({ type: "rollback" });
    } catch {
      // Closed meanwhile; there is nothing to take back.
    }
  }
}

/** What the video tracks want together, as far as it is no risk to begin with. */
function startBitrateBps(published: readonly Published[]): number {
  const encodings = published.flatMap((one) => one.encodings);
  const wantedBps = encodings.reduce((sum, { maxBitrate = 0 }) => sum + maxBitrate, 0);
  return Math.min(Math.max(wantedBps, MIN_START_BITRATE_BPS), MAX_START_BITRATE_BPS);
}

function describe({ track, transceiver, encodings }: Published): PublishedTrack {
  return {
    mid: transceiver.mid ?? "",
    source: sourceToWire(track.source),
    name: track.name,
    muted: track.muted,
    encodings: describeEncodings(encodings, track.size),
    trackId: track.id,
  };
}

/** Moves a codec (all its profiles) to the front; leaves the order alone where the browser does not know it. */
function preferCodec(transceiver: RTCRtpTransceiver, mimeType: string, codecs: readonly RTCRtpCodec[]): void {
  const isPreferred = (codec: RTCRtpCodec): boolean => codec.mimeType.toLowerCase() === mimeType.toLowerCase();
  if (!codecs.some(isPreferred)) return;
  transceiver.setCodecPreferences([...codecs.filter(isPreferred), ...codecs.filter((codec) => !isPreferred(codec))]);
}

/** What `getHeaderExtensionsToNegotiate` gives (W3C WebRTC extensions); not in TypeScript's library. */
interface NegotiableExtension {
  readonly uri: string;
  direction: string;
}

interface ExtensionNegotiation {
  getHeaderExtensionsToNegotiate?(): NegotiableExtension[];
  setHeaderExtensionsToNegotiate?(extensions: NegotiableExtension[]): void;
}

const DEPENDENCY_DESCRIPTOR_URI =
  "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/** AV1's layers can only be told apart by it. Browsers that negotiate it anyhow, or cannot, are left alone. */
function offerDependencyDescriptor(transceiver: RTCRtpTransceiver): void {
  const negotiation = transceiver as ExtensionNegotiation;
  const extensions = negotiation.getHeaderExtensionsToNegotiate?.();
  const descriptor = extensions?.find(({ uri }) => uri === DEPENDENCY_DESCRIPTOR_URI);
  if (extensions === undefined || descriptor === undefined || descriptor.direction === "sendrecv") return;
  descriptor.direction = "sendrecv";
  negotiation.setHeaderExtensionsToNegotiate?.(extensions);
}

function closedError(): CationError {
  return clientError("SESSION_LOST", "The connection on which the track was to be sent was closed.");
}
