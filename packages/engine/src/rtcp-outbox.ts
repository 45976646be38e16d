import { copyBytes } from "@cation/rtp/byte-order";
import { writeReceiverReport } from "@cation/rtp/rtcp-receiver-report";
import { writeSdesCname } from "@cation/rtp/rtcp-sdes";
import type { PacketStore } from "./packet-store.ts";
import type { EngineTransport } from "./engine-transport.ts";
import { SEND_RECORD_BYTES, SendKind } from "./send-batch.ts";

/** Largest compound: fits every path. */
const COMPOUND_MAX_BYTES = 1200;
const RECORD_WORDS = SEND_RECORD_BYTES / 4;

/** Where compound RTCP packets are put together before they go into a slot and out as a record. */
export class RtcpOutbox {
  /** The compound being written; writers of packages/rtp keep inside it. */
  readonly bytes: Uint8Array;
  readonly #store: PacketStore;

  constructor(store: PacketStore) {
    this.#store = store;
    this.bytes = new Uint8Array(Math.min(COMPOUND_MAX_BYTES, store.slotBytes));
  }

  /**
   * Begins a compound of feedback: an empty report and CNAME first, where the peer did not agree to do without (RFC 4585
   * §3.1, RFC 5506). Returns the offset of what follows.
   */
  begin(transport: EngineTransport): number {
    if (transport.reducedSizeRtcp) return 0;
    const end = writeReceiverReport(this.bytes, 0, transport.localSsrc, [], 0);
    return writeSdesCname(this.bytes, end, transport.localSsrc, transport.cname);
  }

  /** Sends the first `byteLength` bytes on a transport. */
  send(transport: EngineTransport, byteLength: number): void {
    const store = this.#store;
    const slot = store.allocate();
    copyBytes(store.bytes, slot * store.slotBytes, this.bytes, 0, byteLength);
    const batch = transport.batch;
    if (batch.count === batch.capacity) transport.sink.flush();
    const word = batch.count++ * RECORD_WORDS;
    const u32 = batch.u32;
    u32[word] = transport.handle;
    u32[word + 1] = slot;
    u32[word + 2] = store.generations[slot];
    batch.u16[2 * word + 6] = 0;
    batch.u16[2 * word + 7] = byteLength;
    u32[word + 4] = transport.nextRtcpIndex();
    u32[word + 5] = SendKind.RTCP;
    u32[word + 6] = transport.nextToken();
    u32[word + 7] = 0;
  }
}
