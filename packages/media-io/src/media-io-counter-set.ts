import { SendOutcome } from "@cation/engine/send-batch";
import { RECEIVE_DROP_REASONS, type MediaIoCounters, type ReceiveDropReason } from "./media-io.ts";

/** Counters being counted. Plain numbers, raised per packet. */
export class MediaIoCounterSet {
  receivedPackets = 0;
  receivedBytes = 0;
  sentPackets = 0;
  sentBytes = 0;
  readonly #receiveDrops = zeroDrops();
  /** By SendOutcome. */
  readonly #sendDrops = [0, 0, 0, 0, 0];

  received(bytes: number): void {
    this.receivedPackets++;
    this.receivedBytes += bytes;
  }

  receiveDrop(reason: ReceiveDropReason): void {
    this.#receiveDrops[reason]++;
  }

  /** Counts what became of a packet; `bytes` are those on the wire. */
  sendOutcome(outcome: SendOutcome, bytes: number): void {
    if (outcome === SendOutcome.SENT) {
      this.sentPackets++;
      this.sentBytes += bytes;
    } else {
      this.#sendDrops[outcome]++;
    }
  }

  /** A copy; `base` is added where native code counts too. */
  snapshot(base?: MediaIoCounters): MediaIoCounters {
    const receiveDrops = { ...this.#receiveDrops };
    if (base !== undefined) {
      for (const reason of RECEIVE_DROP_REASONS) receiveDrops[reason] += base.receiveDrops[reason];
    }
    const drops = this.#sendDrops;
    const baseDrops = base?.sendDrops;
    return {
      receivedPackets: this.receivedPackets + (base?.receivedPackets ?? 0),
      receivedBytes: this.receivedBytes + (base?.receivedBytes ?? 0),
      sentPackets: this.sentPackets + (base?.sentPackets ?? 0),
      sentBytes: this.sentBytes + (base?.sentBytes ?? 0),
      receiveDrops,
      sendDrops: {
        queueFull: drops[SendOutcome.QUEUE_FULL] + (baseDrops?.queueFull ?? 0),
        slotOverwritten: drops[SendOutcome.SLOT_OVERWRITTEN] + (baseDrops?.slotOverwritten ?? 0),
        noTransport: drops[SendOutcome.NO_TRANSPORT] + (baseDrops?.noTransport ?? 0),
        socketError: drops[SendOutcome.SOCKET_ERROR] + (baseDrops?.socketError ?? 0),
      },
    };
  }
}

function zeroDrops(): Record<ReceiveDropReason, number> {
  return Object.fromEntries(RECEIVE_DROP_REASONS.map((reason) => [reason, 0])) as Record<ReceiveDropReason, number>;
}
