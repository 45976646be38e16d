import type { TransportHandle } from "@cation/engine/ids";
import type { Random } from "@cation/engine/random";
import { MediaPath } from "@cation/proto/relay/v1/relay";
import type { Clock } from "@cation/service-kit/clock";
import type { LinkPath } from "./link-path.ts";
import { RelayIngress } from "./relay-ingress.ts";
import type { RelayMedia } from "./relay-media.ts";
import { RelaySink } from "./relay-sink.ts";
import type { BatchOutput } from "./relay-sink.ts";
import { SsrcPool } from "./ssrc-pool.ts";

export interface GrpcPathOptions {
  readonly media: RelayMedia;
  readonly clock: Clock;
  readonly random: Random;
  readonly output: BatchOutput;
  /** These streams need a keyframe: they were left out while the other side lagged. */
  readonly onVideoLost: (ssrcs: readonly number[]) => void;
}

/** Packets on the link's own gRPC stream, in batches; one transport of the engine for each link. */
export class GrpcPath implements LinkPath {
  readonly kind = MediaPath.GRPC;
  readonly lossy = false;
  readonly transport: TransportHandle;
  readonly sink: RelaySink;
  readonly ingress: RelayIngress;
  readonly #media: RelayMedia;
  readonly #ssrcs: SsrcPool;

  constructor({ media, clock, random, output, onVideoLost }: GrpcPathOptions) {
    this.#media = media;
    this.#ssrcs = new SsrcPool(random);
    this.sink = new RelaySink({ store: media.store, clock, output, onVideoLost });
    this.transport = media.openLink(this.sink);
    this.ingress = new RelayIngress({
      transport: this.transport,
      store: media.store,
      receiver: media,
      nowUs: () => media.nowUs(),
    });
  }

  allocateSsrc(): number {
    return this.#ssrcs.allocate();
  }

  releaseSsrc(ssrc: number): void {
    this.#ssrcs.release(ssrc);
  }

  receive(packets: Uint8Array): void {
    this.ingress.receive(packets);
  }

  close(): void {
    this.sink.close();
    this.#media.closeLink(this.transport);
  }
}
