import { CodecKind } from "@cation/rtp/payload/codec-kind";
import { DropReason } from "./drop-reason.ts";
import type { ExtensionPlan } from "./extension-plan.ts";
import type { IncomingPacket } from "./incoming-packet.ts";
import { Layering } from "./layering.ts";
import type { PacketSink } from "./packet-sink.ts";
import type { PayloadMap } from "./payload-map.ts";
import type { Producer } from "./producer.ts";
import { layRtpRecord } from "./rtp-record.ts";
import type { RtpRecordHead } from "./rtp-record.ts";
import { SEND_PREFIX_MAX_BYTES, SEND_PREFIX_OFFSET, SendBatch } from "./send-batch.ts";

const PREFIX_WORDS = SEND_PREFIX_OFFSET / 4;
const VP8_HAS_TL0 = 0x40;
const RTP_HEADER_BYTES = 12;
/** Original sequence number (RFC 4588 §4). */
const RTX_BYTES = 2;

/** What consumers of a producer must agree on to share a group. */
export interface ForwardGroupKey {
  readonly plan: ExtensionPlan;
  readonly payloads: PayloadMap;
  readonly mid: Uint8Array;
  readonly sink: PacketSink;
  /** Whether numbers, timestamps and payload descriptors are the receiver's own; false for a relay. */
  readonly rewrites: boolean;
}

/**
 * Consumers of one producer whose records differ in nothing but numbers: what a packet becomes for them is laid out once,
 * as a template that each copies and patches. Most viewers of a track are in one group.
 */
export class ForwardGroup {
  readonly key: ForwardGroupKey;
  /** Streams that refer to it. */
  users = 0;

  /* Of the packet that it was prepared for last. */

  /** Payload type for the receivers. */
  payloadType = 0;
  /** Whether picture id and TL0PICIDX of the payload descriptor are the receiver's. */
  rewritesVp8 = false;
  /** Whether frame numbers of the dependency descriptor are the receiver's. */
  rewritesFrameNumbers = false;
  /** RED: bytes left out at the payload's start, 0 for none; payload type of the blocks, -1 for theirs. */
  redSkippedBytes = 0;
  redBlockType = -1;
  /** The record: everything but transport, token, numbers and ssrc. */
  readonly template = new SendBatch(1);
  /** Words of the template that are in use. */
  words = 0;
  /** What the packet puts on the wire, without what SRTP adds. */
  bytes = 0;
  /** Byte of the record where the transport-wide number stands; -1 for none. */
  transportCcByte = -1;
  /** Word of the record that holds the picture id in its upper half; -1 where it is not rewritten. */
  pictureWord = -1;
  /** Whether TL0PICIDX follows it. */
  hasTl0 = false;

  readonly #producer: Producer;
  #chosenSerial = -1;
  #chosen: DropReason = DropReason.NONE;
  #laidSerial = -1;
  #laid: DropReason = DropReason.NONE;

  constructor(producer: Producer, key: ForwardGroupKey) {
    this.#producer = producer;
    this.key = key;
  }

  /** Whether it serves a consumer with that key. */
  serves(key: ForwardGroupKey): boolean {
    return (
      this.key.plan === key.plan &&
      this.key.sink === key.sink &&
      this.key.rewrites === key.rewrites &&
      this.key.payloads.equals(key.payloads) &&
      sameBytes(this.key.mid, key.mid)
    );
  }

  /** Codec of a packet; -1 where the producer has none with that payload type. */
  codecOf(packet: IncomingPacket): CodecKind | -1 {
    return this.#producer.codecKindOf(packet.payloadType);
  }

  /** Whether a packet that is sent again, and has been described for that, tells its layers. */
  isLayered(packet: IncomingPacket): boolean {
    if (packet.layering !== Layering.NONE) return true;
    const descriptorId = this.key.plan.key.incoming.dependencyDescriptor;
    return this.rewritesFrameNumbers && descriptorId > 0 && packet.view.findExtension(descriptorId) >= 0;
  }

  /** Chooses payload type and header extensions for a packet, unless that is done. */
  choose(packet: IncomingPacket): DropReason {
    if (packet.serial !== this.#chosenSerial) {
      this.#chosenSerial = packet.serial;
      this.#chosen = this.#choose(packet);
    }
    return this.#chosen;
  }

  /** Lays the template out for a packet, unless that is done. `head` is used for it. */
  lay(packet: IncomingPacket, head: RtpRecordHead): DropReason {
    if (packet.serial !== this.#laidSerial) {
      this.#laidSerial = packet.serial;
      this.#laid = this.choose(packet);
      if (this.#laid === DropReason.NONE) this.#lay(packet, head);
    }
    return this.#laid;
  }

  #choose(packet: IncomingPacket): DropReason {
    const { payloads, plan, rewrites } = this.key;
    this.payloadType = payloads.outgoingOf(packet.payloadType);
    if (this.payloadType < 0) return DropReason.NO_CODEC;
    const codec = this.#producer.codecKindOf(packet.payloadType);
    this.rewritesVp8 = rewrites && codec === CodecKind.VP8;
    this.rewritesFrameNumbers = rewrites && codec !== CodecKind.VP8 && codec !== CodecKind.VP9;
    if (!plan.prepare(packet)) return DropReason.HEADER_TOO_LONG;
    return packet.redHeaderBytes === 0 || this.#chooseRed(packet) ? DropReason.NONE : DropReason.HEADER_TOO_LONG;
  }

  /** False where more block headers have to be rewritten than find room. */
  #chooseRed(packet: IncomingPacket): boolean {
    const { payloads, plan, rewrites } = this.key;
    this.redSkippedBytes = rewrites && payloads.unwrapsRed(packet.payloadType) ? packet.redPrimaryStart : 0;
    this.redBlockType = rewrites ? payloads.redBlockTypeOf(packet.payloadType) : -1;
    if (this.redBlockType < 0) return true;
    return RTP_HEADER_BYTES + 4 * plan.blockWords + RTX_BYTES + packet.redHeaderBytes <= SEND_PREFIX_MAX_BYTES;
  }

  #lay(packet: IncomingPacket, head: RtpRecordHead): void {
    const { plan, mid } = this.key;
    const rewritesPicture = this.rewritesVp8 && packet.pictureId >= 0;
    head.ssrc = 0;
    head.payloadType = this.payloadType;
    head.marker = packet.marker;
    head.sequenceNumber = 0;
    head.rollover = 0;
    head.timestamp = 0;
    head.originalSequence = -1;
    head.pictureId = rewritesPicture ? 0 : -1;
    head.tl0PictureIndex = 0;
    head.frameNumberOffset = 0;
    head.redSkippedBytes = this.redSkippedBytes;
    head.redBlockType = this.redBlockType;
    head.transportSequence = 0;
    layRtpRecord(this.template, 0, packet, plan, mid, head);
    const { u32, u16, u8 } = this.template;
    const headerWords = u32[7] >>> 2;
    const prefixBytes = u16[11];
    this.words = PREFIX_WORDS + ((prefixBytes + 3) >>> 2);
    this.bytes = prefixBytes + u16[7];
    this.transportCcByte = plan.transportCcOffset < 0 ? -1 : SEND_PREFIX_OFFSET + plan.transportCcOffset;
    this.pictureWord = rewritesPicture ? PREFIX_WORDS + headerWords : -1;
    this.hasTl0 = rewritesPicture && (u8[4 * this.pictureWord + 1] & VP8_HAS_TL0) !== 0;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}
