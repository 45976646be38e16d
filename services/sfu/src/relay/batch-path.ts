import type { TransportHandle } from "@cation/engine/ids";
import type { Random } from "@cation/engine/random";
import type { MediaPath } from "@cation/proto/relay/v1/relay";
import type { Clock } from "@cation/service-kit/clock";
import type { LinkPath } from "./link-path.ts";
import { RelayIngress } from "./relay-ingress.ts";
import type { RelayMedia } from "./relay-media.ts";
import { RelaySink } from "./relay-sink.ts";
import type { BatchOutput } from "./relay-sink.ts";
import { SsrcPool } from "./ssrc-pool.ts";

export interface BatchPathOptions {
  readonly kind: typeof MediaPath.GRPC | typeof MediaPath.NATS;
  readonly media: RelayMedia;
  readonly clock: Clock;
  readonly random: Random;
  readonly output: BatchOutput;
  /** These streams need a keyframe: they were left out while the stream carried too little. */
  readonly onVideoLost: (ssrcs: readonly number[]) => void;
}

/** Packets in batches on a reliable stream (a link's own gRPC stream, or a publication), on a transport of its own. */
export class BatchPath implements LinkPath {
  readonly kind: MediaPath;
  readonly lossy = false;
  readonly transport: TransportHandle;
  readonly sink: RelaySink;
  readonly ingress: RelayIngress;
  readonly #media: RelayMedia;
  readonly #ssrcs: SsrcPool;

  constructor({ kind, media, clock, random, output, onVideoLost }: BatchPathOptions) {
    this.kind = kind;
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
