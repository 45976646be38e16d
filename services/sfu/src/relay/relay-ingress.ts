import type { TransportHandle } from "@cation/engine/ids";
import type { PacketStore } from "@cation/engine/packet-store";
import { RECEIVE_RECORD_BYTES, ReceiveBatch, ReceiveKind } from "@cation/engine/receive-batch";
import { isRtcp } from "@cation/rtp/demux";
import type { MonoUs } from "@cation/rtp/units";
import { PacketBatchReader } from "./packet-framing.ts";

const BATCH_RECORDS = 64;
/** Offset of a packet inside its slot: as received packets lie. */
const PACKET_OFFSET = 0;
/** A shorter packet is neither RTP (RFC 3550 §5.1) nor RTCP (§6.4.2). */
const MIN_PACKET_BYTES = 8;

/** What takes the packets: the engine. */
export interface PacketReceiver {
  receive(batch: ReceiveBatch, nowUs: MonoUs): void;
}

export interface RelayIngressOptions {
  readonly transport: TransportHandle;
  readonly store: PacketStore;
  readonly receiver: PacketReceiver;
  readonly nowUs: () => MonoUs;
}

/** Puts the packets of a relay link into slots of the store and hands them to the engine, as the I/O backend does. */
export class RelayIngress {
  receivedPackets = 0;
  receivedBytes = 0;
  /** Too short, longer than a slot, or behind a length that lies. */
  malformedDrops = 0;

  readonly #options: RelayIngressOptions;
  readonly #reader = new PacketBatchReader();
  readonly #batch = new ReceiveBatch(BATCH_RECORDS);

  constructor(options: RelayIngressOptions) {
    this.#options = options;
  }

  /** Takes the content of one PacketBatch; the bytes are copied. */
  receive(packets: Uint8Array): void {
    const nowUs = this.#options.nowUs();
    const reader = this.#reader;
    reader.reset(packets);
    while (reader.next()) {
      if (reader.length < MIN_PACKET_BYTES || reader.length > this.#options.store.slotBytes - PACKET_OFFSET) {
        this.malformedDrops += 1;
        continue;
      }
      this.#add(packets, reader.offset, reader.length, nowUs);
      if (this.#batch.count === this.#batch.capacity) this.#deliver(nowUs);
    }
    if (reader.malformed) this.malformedDrops += 1;
    this.#deliver(nowUs);
  }

  #add(packets: Uint8Array, offset: number, length: number, nowUs: MonoUs): void {
    const { store, transport } = this.#options;
    const slot = store.allocate();
    store.bytes.set(packets.subarray(offset, offset + length), slot * store.slotBytes + PACKET_OFFSET);

    const batch = this.#batch;
    const byte = batch.count * RECEIVE_RECORD_BYTES;
    const word = byte / 4;
    batch.u32[word] = transport;
    batch.u32[word + 1] = slot;
    batch.u32[word + 2] = store.generations[slot];
    batch.u16[word * 2 + 6] = PACKET_OFFSET;
    batch.u16[word * 2 + 7] = length;
    batch.u8[byte + 16] = isRtcp(packets, offset) ? ReceiveKind.RTCP : ReceiveKind.RTP;
    batch.f64[byte / 8 + 3] = nowUs;
    batch.count += 1;
    this.receivedPackets += 1;
    this.receivedBytes += length;
  }

  #deliver(nowUs: MonoUs): void {
    if (this.#batch.count === 0) return;
    this.#options.receiver.receive(this.#batch, nowUs);
    this.#batch.count = 0;
  }
}
