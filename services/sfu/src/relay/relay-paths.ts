import { MediaPath } from "@cation/proto/relay/v1/relay";
import type { LinkHello } from "@cation/proto/relay/v1/relay";
import type { UdpPeers } from "./udp-peers.ts";

/** How media may travel between nodes. auto: UDP where it passes, else gRPC. */
export type RelayTransport = "auto" | "udp" | "grpc";

export interface RelayPathsOptions {
  readonly transport: RelayTransport;
  /** Undefined where keys may not be exchanged. */
  readonly udp: UdpPeers | undefined;
}

/** The ways for media, besides gRPC, that a worker has. */
export class RelayPaths {
  readonly udp: UdpPeers | undefined;
  readonly #transport: RelayTransport;

  constructor({ transport, udp }: RelayPathsOptions) {
    this.#transport = transport;
    this.udp = transport === "auto" || transport === "udp" ? udp : undefined;
  }

  /** What the watching end of a link to a node says of it. */
  offerTo(nodeId: string): Pick<LinkHello, "paths" | "instanceId"> {
    if (!this.udp || (this.#transport === "auto" && !this.udp.mayReach(nodeId))) return { paths: [], instanceId: "" };
    return { paths: [MediaPath.UDP, MediaPath.GRPC], instanceId: this.udp.instanceId };
  }

  close(): void {
    this.udp?.close();
  }
}
