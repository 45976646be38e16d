import { readU16 } from "@cation/rtp/byte-order";
import { DependencyDescriptor } from "@cation/rtp/payload/dependency-descriptor";
import { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import { Layering } from "./layering.ts";
import type { PacketStore } from "./packet-store.ts";

const OSN_BYTES = 2;

/**
 * One received RTP packet, parsed once for all its consumers. There are two of these in an engine (one for what is
 * forwarded, one for what is sent again), pointed at one packet after another. Numbers of 32 bits are held as int32, which V8 keeps unboxed.
 */
export class IncomingPacket {
  /** Header as it lies in the slot; of an RTX packet, the RTX header. */
  readonly view = new RtpPacketView();
  /** Different for each packet, also between the two: what is prepared for one is not used for another. */
  serial: number;

  slot = 0;
  /** Generation of the slot, int32. */
  generation = 0;
  /** Arrival, MonoUs. */
  arrivalUs = -1;

  payloadType = 0;
  sequenceNumber = 0;
  marker = false;
  /** RTP timestamp as int32. */
  timestamp = 0;
  ssrc = 0;
  /** Start of the payload inside the slot. */
  payloadOffset = 0;
  payloadBytes = 0;
  /** Came by RTX (RFC 4588); sequence number and payload are the original's. */
  retransmitted = false;

  /* Filled by the producer. */

  /** Extended sequence number. */
  extSeq = 0;
  /** Identifies stream and epoch: numbers and timestamps of equal keys are comparable. */
  sourceKey = -1;
  /** A receiver can start decoding here; always so where the engine does not look into the format. */
  keyframeStart = false;

  /* Filled by the payload stage; -1 or 0 where the format has none. */

  /** Bytes of the payload descriptor that consumers rewrite (VP8, VP9); 0 where the payload goes out as it came. */
  descriptorBytes = 0;
  /** Absolute offset of the descriptor in `view.bytes`. */
  descriptorOffset = 0;
  /** RED: bytes of its block headers, and where the newest block starts behind the payload's start; 0 for no RED. */
  redHeaderBytes = 0;
  redPrimaryStart = 0;
  /** First packet of a frame. */
  frameStart = false;
  /** VP8 and VP9: picture id, continued to 15 bits; dependency descriptor: frame number, 16 bits. */
  pictureId = -1;
  tl0PictureIndex = -1;
  temporalId = 0;
  /** A receiver may go up to this packet's temporal layer here. */
  layerSync = false;

  /** Where not NONE, the fields below say which receivers need the packet. */
  layering: Layering = Layering.NONE;
  spatialId = 0;
  /** Last packet of its frame, which is one spatial layer of a picture. */
  frameEnd = false;
  /** VP9: needs earlier pictures (P). */
  interPicturePredicted = false;
  /** A higher spatial layer needs it. */
  usedAbove = true;
  /** Layering.DEPENDENCY: its descriptor. */
  readonly dependency = new DependencyDescriptor();

  readonly #store: PacketStore;

  /** `parity` is 0 or 1: keeps the serials of the two apart. */
  constructor(store: PacketStore, parity: number) {
    this.#store = store;
    this.serial = parity;
  }

  /** Points at a packet of the store. False where no RTP packet lies there. */
  load(slot: number, generation: number, offset: number, length: number): boolean {
    const store = this.#store;
    if (slot >= store.slotCount || offset + length > store.slotBytes) return false;
    const slotStart = slot * store.slotBytes;
    const view = this.view;
    if (!view.set(store.bytes, slotStart + offset, length)) return false;
    this.serial = (this.serial + 2) | 0;
    this.slot = slot;
    this.generation = generation;
    this.payloadType = view.payloadType;
    this.sequenceNumber = view.sequenceNumber;
    this.marker = view.marker;
    this.timestamp = view.timestamp | 0;
    this.ssrc = view.ssrc | 0;
    this.payloadOffset = view.payloadOffset - slotStart;
    this.payloadBytes = view.payloadBytes;
    this.retransmitted = false;
    this.clearPayloadFields();
    return true;
  }

  /** Turns an RTX packet into the one that it repeats (RFC 4588 §4). False where there is no number in it. */
  unwrapRtx(payloadType: number): boolean {
    if (this.payloadBytes < OSN_BYTES) return false;
    this.sequenceNumber = readU16(this.view.bytes, this.view.payloadOffset);
    this.payloadType = payloadType;
    this.payloadOffset += OSN_BYTES;
    this.payloadBytes -= OSN_BYTES;
    this.retransmitted = true;
    return true;
  }

  /** Absolute offset of the payload in `view.bytes`. */
  get payloadStart(): number {
    return this.slot * this.#store.slotBytes + this.payloadOffset;
  }

  clearPayloadFields(): void {
    this.keyframeStart = false;
    this.descriptorBytes = 0;
    this.redHeaderBytes = 0;
    this.redPrimaryStart = 0;
    this.frameStart = false;
    this.pictureId = -1;
    this.tl0PictureIndex = -1;
    this.temporalId = 0;
    this.layerSync = false;
    this.layering = Layering.NONE;
    this.spatialId = 0;
    this.frameEnd = false;
    this.interPicturePredicted = false;
    this.usedAbove = true;
  }
}
