import type { SubscriberAnswer, SubscriberOffer, TrackBinding } from "@cation/proto/client/v1/client";
import type { ClientEnvironment } from "./environment.ts";
import { CationError, asCationError } from "./errors.ts";
import { IceRecovery } from "./ice-recovery.ts";
import { SerialQueue } from "./serial-queue.ts";

export interface SubscriberObserver {
  /** Sends an answer to the server. */
  answer(answer: SubscriberAnswer): Promise<void>;
  /** Asks the server for an offer with new ICE credentials. */
  restart(): Promise<void>;
  /** What is received now, by track id. */
  onMedia(media: ReadonlyMap<string, MediaStreamTrack>): void;
  onStateChanged(state: RTCPeerConnectionState): void;
  /** An offer could not be answered. */
  onError(error: CationError): void;
  /** ICE restarts did not help. */
  onMediaLost(wasConnected: boolean): void;
}

/** The connection on which this participant receives: the server offers, m-line by m-line, and this side answers. */
export class Subscriber {
  readonly #environment: ClientEnvironment;
  readonly #configuration: RTCConfiguration;
  readonly #observer: SubscriberObserver;
  readonly #queue = new SerialQueue();
  readonly #recovery: IceRecovery;
  #connection: RTCPeerConnection | undefined;
  #newestOfferId = 0;
  #retired = false;
  /** Which track each m-line carries: of the newest offer, and what was told since. */
  #bindings = new Map<string, string>();
  #closed = false;

  constructor(environment: ClientEnvironment, configuration: RTCConfiguration, observer: SubscriberObserver) {
    this.#environment = environment;
    this.#configuration = configuration;
    this.#observer = observer;
    this.#recovery = new IceRecovery(environment, {
      restart: () => observer.restart(),
      giveUp: (wasConnected) => observer.onMediaLost(wasConnected),
    });
  }

  /** Takes an offer of the server. One that is older than the newest is not answered: the server has no use for it. */
  offer(offer: SubscriberOffer): void {
    if (offer.offerId <= this.#newestOfferId || this.#closed || this.#retired) return;
    this.#newestOfferId = offer.offerId;
    this.#bindings = new Map(offer.tracks.map((binding) => [binding.mid, binding.trackId]));
    void this.#queue.run(() => this.#answer(offer));
  }

  /** m-lines carry other tracks from now on, without an offer. */
  rebind(bindings: readonly TrackBinding[]): void {
    if (this.#closed) return;
    for (const { mid, trackId } of bindings) this.#bindings.set(mid, trackId);
    if (this.#connection !== undefined) this.#observer.onMedia(receivedMedia(this.#connection, this.#bindings));
  }

  /** The machine is on another network. */
  onNetworkChange(): void {
    if (this.#connection !== undefined) this.#recovery.onNetworkChange();
  }

  /** Another connection takes over: this one goes on as it is, says nothing more, and is closed soon. */
  retire(): void {
    this.#retired = true;
    this.#recovery.close();
  }

  getStats(): Promise<RTCStatsReport> | undefined {
    return this.#connection?.getStats();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#recovery.close();
    this.#connection?.close();
  }

  async #answer(offer: SubscriberOffer): Promise<void> {
    if (this.#closed || offer.offerId !== this.#newestOfferId) return;
    try {
      const connection = (this.#connection ??= this.#open());
      await connection.setRemoteDescription({ type: "offer", sdp: offer.sdp });
      await connection.setLocalDescription(await connection.createAnswer());
      this.#observer.onMedia(receivedMedia(connection, this.#bindings));
      await this.#observer.answer({ offerId: offer.offerId, sdp: connection.localDescription?.sdp ?? "" });
    } catch (thrown) {
      // A stale answer was overtaken by an offer that is on its way.
      if (this.#closed || this.#retired || (thrown instanceof CationError && thrown.code === "STALE_ANSWER")) return;
      this.#observer.onError(asCationError(thrown, "NEGOTIATION_FAILED", "The browser refused the server's offer."));
    }
  }

  #open(): RTCPeerConnection {
    const connection = this.#environment.createPeerConnection(this.#configuration);
    connection.addEventListener("connectionstatechange", () => {
      if (this.#closed || this.#retired) return;
      this.#observer.onStateChanged(connection.connectionState);
      this.#recovery.onState(connection.connectionState);
    });
    return connection;
  }
}

/** m-lines are recycled, so that only the newest offer (and what followed it) says which track each of them carries. */
function receivedMedia(
  connection: RTCPeerConnection,
  trackIds: ReadonlyMap<string, string>,
): ReadonlyMap<string, MediaStreamTrack> {
  const media = new Map<string, MediaStreamTrack>();
  for (const transceiver of connection.getTransceivers()) {
    const trackId = transceiver.mid === null ? undefined : trackIds.get(transceiver.mid);
    if (trackId !== undefined) media.set(trackId, transceiver.receiver.track);
  }
  return media;
}
