import type { TransportHandle } from "@cation/engine/ids";
import { ReceiveKind } from "@cation/engine/receive-batch";
import { classifyDatagram, DatagramKind, isRtcp } from "@cation/rtp/demux";
import type { Delivery } from "./delivery.ts";
import type { ReceiveDropReason, RemoteAddress } from "./media-io.ts";
import type { MediaIoCounterSet } from "./media-io-counter-set.ts";
import type { MonotonicClock } from "./monotonic-clock.ts";
import { SLOT_BYTES, type RingPacketStore } from "./ring-packet-store.ts";
import { hasStunFrame } from "./stun-check.ts";

/** Opens a packet of a transport in place: its plain length, or why it is dropped. `kind` is a ReceiveKind. */
export type Unprotect = (transport: TransportHandle, packet: Uint8Array, kind: number) => number | ReceiveDropReason;

/** What both backends keep, and their parts share. */
export interface MediaIoParts {
  readonly store: RingPacketStore;
  readonly counters: MediaIoCounterSet;
  readonly delivery: Delivery;
  readonly clock: MonotonicClock;
}

/** Sorts packets by their first byte (RFC 7983): media into the store, STUN and DTLS to the handler, the rest counted. */
export class PacketSorter {
  readonly #parts: MediaIoParts;
  readonly #unprotect: Unprotect;

  constructor(parts: MediaIoParts, unprotect: Unprotect) {
    this.#parts = parts;
    this.#unprotect = unprotect;
  }

  /** Takes a packet from the transport that holds the address, or from a stranger (0). `bytes` may be changed. */
  sort(
    bytes: Uint8Array,
    protocol: RemoteAddress["protocol"],
    address: string,
    port: number,
    transport: TransportHandle | 0,
  ): void {
    const { counters, delivery, clock } = this.#parts;
    const handler = delivery.handler;
    if (handler === undefined) return;
    if (bytes.length === 0) return counters.receiveDrop("truncated");
    if (bytes.length > SLOT_BYTES) return counters.receiveDrop("oversized");
    const kind = classifyDatagram(bytes[0]);
    if (kind === DatagramKind.RTP) return this.#sortMedia(bytes, transport);
    const isStun = kind === DatagramKind.STUN && hasStunFrame(bytes);
    if (!isStun && kind !== DatagramKind.DTLS) return counters.receiveDrop("unknown-protocol");
    if (!isStun && transport === 0) return counters.receiveDrop("unknown-source");
    counters.received(bytes.length);
    handler.onDatagram(bytes, { protocol, address, port }, transport, clock.nowUs());
  }

  #sortMedia(bytes: Uint8Array, transport: TransportHandle | 0): void {
    const { store, counters, delivery, clock } = this.#parts;
    if (transport === 0) return counters.receiveDrop("unknown-source");
    const kind = isRtcp(bytes, 0) ? ReceiveKind.RTCP : ReceiveKind.RTP;
    const result = this.#unprotect(transport, bytes, kind);
    if (typeof result === "string") return counters.receiveDrop(result);
    counters.received(bytes.length);
    if (delivery.received.full) delivery.now();
    const slot = store.allocate();
    store.bytes.set(bytes.subarray(0, result), slot * SLOT_BYTES);
    const generation = store.generations[slot];
    delivery.received.push(transport, slot, generation, result, kind, clock.nowUs());
    delivery.soon();
  }
}
