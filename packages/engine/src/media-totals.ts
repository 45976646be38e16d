import type { Consumer } from "./consumer.ts";
import type { Producer } from "./producer.ts";

/** RTP in both directions. */
class DirectionTotals {
  receivedPackets = 0;
  receivedBytes = 0;
  sentPackets = 0;
  sentBytes = 0;
}

/** Sums of what producers received and consumers sent, clients and relays apart. For scrapes, not for the packet path. */
export class MediaTotals {
  readonly client: DirectionTotals;
  readonly relay: DirectionTotals;

  constructor(client = new DirectionTotals(), relay = new DirectionTotals()) {
    this.client = client;
    this.relay = relay;
  }

  copy(): MediaTotals {
    const copyOf = (totals: DirectionTotals) => Object.assign(new DirectionTotals(), totals);
    return new MediaTotals(copyOf(this.client), copyOf(this.relay));
  }

  addProducer({ params, streams }: Producer): void {
    const totals = params.origin === "relay" ? this.relay : this.client;
    for (const stream of streams) {
      totals.receivedPackets += stream.packets;
      totals.receivedBytes += stream.bytes;
    }
  }

  addConsumer({ params, streams }: Consumer): void {
    const totals = params.mode === "all" ? this.relay : this.client;
    for (const stream of streams) {
      totals.sentPackets += stream.packets;
      totals.sentBytes += stream.bytes;
    }
  }
}
