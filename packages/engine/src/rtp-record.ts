import { SEND_PREFIX_OFFSET, SEND_RECORD_BYTES } from "./send-batch.ts";
import type { SendBatch } from "./send-batch.ts";
import type { EngineTransport } from "./engine-transport.ts";
import type { ExtensionPlan } from "./extension-plan.ts";
import type { IncomingPacket } from "./incoming-packet.ts";
import { Layering } from "./layering.ts";

const FIXED_HEADER_BYTES = 12;
const FIXED_HEADER_WORDS = 3;
const RECORD_WORDS = SEND_RECORD_BYTES / 4;
const PREFIX_WORDS = SEND_PREFIX_OFFSET / 4;
const PADDING_BIT = 0x20;
const DESCRIPTOR_FRAME_NUMBER = 1;
const VP9_HAS_LAYER_INDICES = 0x20;
const VP9_FLEXIBLE = 0x10;
const VP8_EXTENDED = 0x80;
const VP8_HAS_PICTURE_ID = 0x80;
const VP8_HAS_TL0 = 0x40;
const VP8_HAS_TID_OR_KEY = 0x30;

/** What an outgoing packet has of its own. One of these in an engine, filled anew for each record. */
export class RtpRecordHead {
  /** int32. */
  ssrc = 0;
  payloadType = 0;
  marker = false;
  sequenceNumber = 0;
  /** SRTP rollover counter of the sequence number. */
  rollover = 0;
  /** int32. */
  timestamp = 0;
  /** RTX: number of the packet that is repeated (RFC 4588 §4); -1 otherwise. */
  originalSequence = -1;
  /** VP8, VP9: picture id (15 bits) and TL0PICIDX to write; picture id -1 leaves the payload as it is. */
  pictureId = -1;
  tl0PictureIndex = -1;
  /** RED: the payload goes out without so many bytes at its start: as its newest block alone; 0 for all of it. */
  redSkippedBytes = 0;
  /** RED: payload type to write into each block header; -1 leaves them as they are. */
  redBlockType = -1;
  /** Added to the frame number of the dependency descriptor. */
  frameNumberOffset = 0;
  /** 24 bits, 6.18 seconds. */
  absSendTime = 0;
  transportSequence = 0;
  /**
   * Sends padding instead of the payload: fills a number that the receiver knows to be missing, when the packet that had
   * it turns out to be one that the receiver does not get.
   */
  filler = false;
}

/**
 * Writes one RTP record into the transport's batch: rewritten header, block of the plan (which has been prepared for this
 * packet), and where the rest of the payload lies. Flushes the sink first where its batch is full.
 */
export function writeRtpRecord(
  transport: EngineTransport,
  packet: IncomingPacket,
  plan: ExtensionPlan,
  mid: Uint8Array,
  head: RtpRecordHead,
): void {
  const batch = transport.batch;
  if (batch.count === batch.capacity) transport.sink.flush();
  const record = batch.count++;
  layRtpRecord(batch, record, packet, plan, mid, head);
  const word = record * RECORD_WORDS;
  batch.u32[word] = transport.handle;
  batch.u32[word + 6] = transport.nextToken();
}

/** Lays an RTP record out in a batch, but for transport and token. */
export function layRtpRecord(
  batch: SendBatch,
  record: number,
  packet: IncomingPacket,
  plan: ExtensionPlan,
  mid: Uint8Array,
  head: RtpRecordHead,
): void {
  const word = record * RECORD_WORDS;
  const header = record * SEND_RECORD_BYTES + SEND_PREFIX_OFFSET;
  const u32 = batch.u32;
  const view = batch.view;

  view.setUint32(
    header,
    ((plan.firstByte | (head.filler ? PADDING_BIT : 0)) << 24) |
      (head.marker ? 0x80_0000 : 0) |
      (head.payloadType << 16) |
      head.sequenceNumber,
  );
  view.setUint32(header + 4, head.timestamp);
  view.setUint32(header + 8, head.ssrc);
  const blockWords = plan.blockWords;
  const block = plan.words;
  const blockStart = word + PREFIX_WORDS + FIXED_HEADER_WORDS;
  for (let i = 0; i < blockWords; i++) u32[blockStart + i] = block[i];
  stampExtensions(batch.u8, header, plan, mid, head);

  const headerBytes = FIXED_HEADER_BYTES + 4 * blockWords;
  let prefixBytes = headerBytes;
  if (head.originalSequence >= 0) {
    batch.u8[header + prefixBytes] = head.originalSequence >>> 8;
    batch.u8[header + prefixBytes + 1] = head.originalSequence;
    prefixBytes += 2;
  }
  let skipped = 0;
  if (head.pictureId >= 0) {
    prefixBytes +=
      packet.layering === Layering.VP9
        ? writeVp9Descriptor(batch.u8, header + prefixBytes, packet, head)
        : writeVp8Descriptor(batch.u8, header + prefixBytes, packet, head);
    skipped = packet.descriptorBytes;
  }
  if (packet.redHeaderBytes > 0) {
    if (head.redSkippedBytes > 0) {
      skipped = head.redSkippedBytes;
    } else if (head.redBlockType >= 0) {
      writeRedHeaders(batch.u8, header + prefixBytes, packet, head.redBlockType);
      prefixBytes += packet.redHeaderBytes;
      skipped = packet.redHeaderBytes;
    }
  }
  if (head.filler) {
    batch.u8[header + prefixBytes++] = 1;
    skipped = packet.payloadBytes;
  }
  u32[word + 1] = packet.slot;
  u32[word + 2] = packet.generation;
  batch.u16[2 * word + 6] = packet.payloadOffset + skipped;
  batch.u16[2 * word + 7] = packet.payloadBytes - skipped;
  u32[word + 4] = head.rollover;
  // Kind RTP and no flags in the low half; little-endian, as every platform that Node runs on.
  u32[word + 5] = prefixBytes << 16;
  u32[word + 7] = headerBytes;
}

function stampExtensions(
  u8: Uint8Array,
  header: number,
  plan: ExtensionPlan,
  mid: Uint8Array,
  head: RtpRecordHead,
): void {
  if (plan.midOffset >= 0) {
    const offset = header + plan.midOffset;
    for (let i = 0; i < mid.length; i++) u8[offset + i] = mid[i];
  }
  if (plan.descriptorOffset >= 0 && head.frameNumberOffset !== 0) {
    const offset = header + plan.descriptorOffset + DESCRIPTOR_FRAME_NUMBER;
    const frameNumber = ((u8[offset] << 8) | u8[offset + 1]) + head.frameNumberOffset;
    u8[offset] = frameNumber >>> 8;
    u8[offset + 1] = frameNumber;
  }
  if (plan.absSendTimeOffset >= 0) {
    const offset = header + plan.absSendTimeOffset;
    u8[offset] = head.absSendTime >>> 16;
    u8[offset + 1] = head.absSendTime >>> 8;
    u8[offset + 2] = head.absSendTime;
  }
  if (plan.transportCcOffset >= 0) {
    const offset = header + plan.transportCcOffset;
    u8[offset] = head.transportSequence >>> 8;
    u8[offset + 1] = head.transportSequence;
  }
}

/** Headers of RED blocks (RFC 2198 §3), of four bytes each and one for the last, with another payload type. */
function writeRedHeaders(u8: Uint8Array, offset: number, packet: IncomingPacket, payloadType: number): void {
  const source = packet.view.bytes;
  const start = packet.payloadStart;
  for (let i = 0; i < packet.redHeaderBytes; i++) {
    const octet = source[start + i];
    u8[offset + i] = i % 4 === 0 ? (octet & 0x80) | payloadType : octet;
  }
}

/**
 * VP9 payload descriptor up to TL0PICIDX, with the picture id in 15 bits (RFC 9628 §4.2); what follows goes out as it came.
 * Returns its length.
 */
function writeVp9Descriptor(u8: Uint8Array, offset: number, packet: IncomingPacket, head: RtpRecordHead): number {
  const source = packet.view.bytes;
  const start = packet.descriptorOffset;
  const flags = source[start];
  const hasLayers = (flags & VP9_HAS_LAYER_INDICES) !== 0;
  const hasTl0 = hasLayers && (flags & VP9_FLEXIBLE) === 0;
  let position = offset;
  u8[position++] = flags;
  u8[position++] = 0x80 | (head.pictureId >>> 8);
  u8[position++] = head.pictureId;
  if (hasLayers) u8[position++] = source[start + packet.descriptorBytes - (hasTl0 ? 2 : 1)];
  if (hasTl0) u8[position++] = head.tl0PictureIndex;
  return position - offset;
}

/** VP8 payload descriptor with the picture id in 15 bits (RFC 7741 §4.2). Returns its length. */
function writeVp8Descriptor(u8: Uint8Array, offset: number, packet: IncomingPacket, head: RtpRecordHead): number {
  const source = packet.view.bytes;
  const start = packet.descriptorOffset;
  const flags = source[start + 1];
  let position = offset;
  u8[position++] = source[start] | VP8_EXTENDED;
  u8[position++] = flags | VP8_HAS_PICTURE_ID;
  u8[position++] = 0x80 | (head.pictureId >>> 8);
  u8[position++] = head.pictureId;
  if ((flags & VP8_HAS_TL0) !== 0) u8[position++] = head.tl0PictureIndex;
  if ((flags & VP8_HAS_TID_OR_KEY) !== 0) u8[position++] = source[start + packet.descriptorBytes - 1];
  return position - offset;
}
