import type { TransportHandle } from "@cation/engine/ids";
import type { MediaPath } from "@cation/proto/relay/v1/relay";

/** How the packets of a relay link travel between two workers. What is agreed about them goes over the link's gRPC stream. */
export interface LinkPath {
  readonly kind: MediaPath;
  /** Where the link's producers or consumers are in the engine. Links may share it. */
  readonly transport: TransportHandle;
  /** Packets may get lost: they are asked for again (NACK) and sent again (RTX). */
  readonly lossy: boolean;
  /** An ssrc that no other stream sent on the transport has. */
  allocateSsrc(): number;
  releaseSsrc(ssrc: number): void;
  /** Takes the content of a PacketBatch that came on the gRPC stream. */
  receive(packets: Uint8Array): void;
  /** Idempotent. */
  close(): void;
}
