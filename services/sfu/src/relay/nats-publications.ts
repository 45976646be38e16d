import { encodeToken } from "@cation/cluster/token";
import type { Consumer } from "@cation/engine/consumer";
import type { LayerDemand } from "@cation/engine/demand/demand-watcher";
import type { Random } from "@cation/engine/random";
import { MediaPath } from "@cation/proto/relay/v1/relay";
import type { LinkDown, RelayStarted } from "@cation/proto/relay/v1/relay";
import { setRepeatingTimer } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { BatchPath } from "./batch-path.ts";
import type { LinkTrack } from "./link-track.ts";
import type { MediaBroker } from "./media-broker.ts";
import type { RelayLease } from "./relay-hub.ts";
import type { RelayMedia } from "./relay-media.ts";
import { RelayOutgoing } from "./relay-outgoing.ts";
import { BatchSealer } from "./sealed-batches.ts";
import type { FeedListener } from "./track-feed.ts";

/** How often it is looked whether layers that were left out may go again. */
const RESTORE_CHECK_MS = 250;

export interface NatsPublicationsOptions {
  /** This node. */
  readonly nodeId: string;
  /** Names the worker for as long as it runs. */
  readonly instanceId: string;
  readonly broker: MediaBroker;
  readonly media: RelayMedia;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a link wants of a publication. */
export interface PublicationUser {
  readonly trackId: string;
  readonly roomId: string;
  readonly acquire: (listener: FeedListener) => RelayLease;
  readonly send: (message: LinkDown) => void;
  readonly onEnded: () => void;
}

/** Tracks that a worker publishes on NATS: each once, however many nodes watch it. */
export class NatsPublications {
  readonly #options: NatsPublicationsOptions;
  readonly #publications = new Map<string, Publication>();

  constructor(options: NatsPublicationsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#publications.size;
  }

  /** A link's share in the publication of a track, which begins with the first. */
  join(user: PublicationUser): LinkTrack {
    const name = JSON.stringify([user.roomId, user.trackId]);
    let publication = this.#publications.get(name);
    if (!publication) {
      publication = new Publication(this.#options, user, () => this.#publications.delete(name));
      this.#publications.set(name, publication);
      publication.start();
    }
    return publication.join(user);
  }
}

/** One track on NATS, and the links that it goes to. */
class Publication {
  readonly path: BatchPath;
  readonly #options: NatsPublicationsOptions;
  readonly #first: PublicationUser;
  readonly #onClosed: () => void;
  readonly #sealer: BatchSealer;
  readonly #members = new Map<PublicationUser, LayerDemand | undefined>();
  #outgoing: RelayOutgoing | undefined;
  /** What a link that comes later is told. */
  #started: RelayStarted | undefined;
  #ended = false;
  #timer: Timer | undefined;

  constructor(options: NatsPublicationsOptions, first: PublicationUser, onClosed: () => void) {
    this.#options = options;
    this.#first = first;
    this.#onClosed = onClosed;
    const { broker, instanceId, media, clock, random } = options;
    // A new subject and key each time: nobody who had an earlier one reads on.
    const serial = random.nextUint32().toString(16);
    const subject = `relay.${instanceId}.${encodeToken(first.trackId)}.${serial}`;
    this.#sealer = new BatchSealer(subject);
    this.path = new BatchPath({
      kind: MediaPath.NATS,
      media,
      clock,
      random,
      output: {
        write: (packets) => {
          const taken = broker.publish(subject, this.#sealer.seal(packets));
          // There is no drain to wait for: the next batch tries again, with fewer layers.
          if (!taken) this.path.sink.noteDropped();
          return true;
        },
      },
      onVideoLost: () => this.consumer?.requestKeyframe(media.nowUs()),
    });
  }

  get consumer(): Consumer | undefined {
    return this.#outgoing?.consumer;
  }

  get outgoing(): RelayOutgoing | undefined {
    return this.#outgoing;
  }

  start(): void {
    const { nodeId, media, clock } = this.#options;
    // How long messages wait is not known; that they are taken is.
    this.#timer = setRepeatingTimer(clock, RESTORE_CHECK_MS, () => this.path.sink.noteRoundTrip(0));
    const { trackId, roomId, acquire } = this.#first;
    this.#outgoing = new RelayOutgoing({
      trackId,
      roomId,
      nodeId,
      path: this.path,
      media,
      clock,
      acquire,
      send: (message) => this.#tell(message),
      onEnded: () => this.#end(),
      onExhausted: () => this.#end(),
      onVideoStreams: (ssrcs, present) =>
        ssrcs.forEach((ssrc, encoding) => {
          if (present) this.path.sink.addVideo(ssrc, encoding);
          else this.path.sink.removeVideo(ssrc);
        }),
    });
    if (this.#ended) this.#outgoing.close();
  }

  join(user: PublicationUser): LinkTrack {
    this.#members.set(user, undefined);
    if (this.#ended) user.onEnded();
    else if (this.#started) {
      user.send({ down: { $case: "started", value: this.#started } });
      this.consumer?.requestKeyframe(this.#options.media.nowUs());
    }
    return new PublicationShare(this, user);
  }

  setDemand(user: PublicationUser, demand: LayerDemand): void {
    if (!this.#members.has(user)) return;
    this.#members.set(user, demand);
    this.#mergeDemand();
  }

  /** The last to leave ends it. Idempotent. */
  leave(user: PublicationUser): void {
    if (!this.#members.delete(user)) return;
    if (this.#members.size === 0) this.#close();
    else this.#mergeDemand();
  }

  #tell(message: LinkDown): void {
    const { down } = message;
    if (down?.$case === "started") {
      this.#started = { ...down.value, publication: this.#sealer.publication };
      for (const member of this.#members.keys()) member.send({ down: { $case: "started", value: this.#started } });
      return;
    }
    if (down?.$case === "via" && this.#started) this.#started = { ...this.#started, viaNodeIds: down.value.nodeIds };
    for (const member of this.#members.keys()) member.send(message);
  }

  /** What any of the links wants; all layers while one of them has not said. */
  #mergeDemand(): void {
    let maxSpatialId = -1;
    let maxTemporalId = -1;
    for (const demand of this.#members.values()) {
      if (!demand) return;
      maxSpatialId = Math.max(maxSpatialId, demand.maxSpatialId);
      maxTemporalId = Math.max(maxTemporalId, demand.maxTemporalId);
    }
    this.#outgoing?.setDemand({ maxSpatialId, maxTemporalId });
  }

  #end(): void {
    this.#ended = true;
    this.#onClosed();
    for (const member of [...this.#members.keys()]) member.onEnded();
  }

  #close(): void {
    this.#timer?.cancel();
    this.#outgoing?.close();
    this.path.close();
    this.#onClosed();
  }
}

/** What one link has of a publication. */
class PublicationShare implements LinkTrack {
  readonly #publication: Publication;
  readonly #user: PublicationUser;

  constructor(publication: Publication, user: PublicationUser) {
    this.#publication = publication;
    this.#user = user;
  }

  get trackId(): string {
    return this.#user.trackId;
  }

  get consumer(): Consumer | undefined {
    return this.#publication.consumer;
  }

  carries(ssrcs: readonly number[]): boolean {
    return this.#publication.outgoing?.carries(ssrcs) ?? false;
  }

  setDemand(demand: LayerDemand): void {
    this.#publication.setDemand(this.#user, demand);
  }

  receive(packets: Uint8Array): void {
    this.#publication.path.receive(packets);
  }

  close(): void {
    this.#publication.leave(this.#user);
  }
}
