import { MediaPath } from "@cation/proto/relay/v1/relay";
import type { LinkHello } from "@cation/proto/relay/v1/relay";
import type { MediaBroker } from "./media-broker.ts";
import type { NatsPublications } from "./nats-publications.ts";
import type { UdpPeers } from "./udp-peers.ts";

/** How media may travel between nodes. auto: UDP where it passes, else gRPC. */
export type RelayTransport = "auto" | "udp" | "grpc" | "nats";

export interface RelayPathsOptions {
  readonly transport: RelayTransport;
  /** Undefined where keys may not be exchanged. */
  readonly udp: UdpPeers | undefined;
  readonly nats?: { readonly broker: MediaBroker; readonly publications: NatsPublications } | undefined;
}

/** The ways for media, besides gRPC, that a worker has. */
export class RelayPaths {
  readonly udp: UdpPeers | undefined;
  readonly nats: RelayPathsOptions["nats"];
  readonly #transport: RelayTransport;

  constructor({ transport, udp, nats }: RelayPathsOptions) {
    this.nats = nats;
    this.#transport = transport;
    this.udp = transport === "auto" || transport === "udp" ? udp : undefined;
  }

  /** What the watching end of a link to a node says of it. */
  offerTo(nodeId: string): Pick<LinkHello, "paths" | "instanceId"> {
    if (this.nats?.broker.connected) return { paths: [MediaPath.NATS, MediaPath.GRPC], instanceId: "" };
    if (!this.udp || (this.#transport === "auto" && !this.udp.mayReach(nodeId))) return { paths: [], instanceId: "" };
    return { paths: [MediaPath.UDP, MediaPath.GRPC], instanceId: this.udp.instanceId };
  }

  close(): void {
    this.udp?.close();
    void this.nats?.broker.close();
  }
}
