import type { ConsumerStream } from "../consumer-stream.ts";
import type { EngineContext } from "../engine-context.ts";
import { SEND_PREFIX_OFFSET, SEND_RECORD_BYTES, SendKind } from "../send-batch.ts";
import { sendToken } from "./send-token.ts";

const RECORD_WORDS = SEND_RECORD_BYTES / 4;
/** RFC 3550 §5.1: the last octet says how many there are. */
const PADDING_BYTES = 255;
const FIXED_HEADER_BYTES = 12;
/** Version 2, padding, extension. */
const FIRST_BYTE = 0xb0;
/** One-byte header extensions (RFC 8285 §4.2). */
const PROFILE = 0xbede;
const MAX_ONE_BYTE_ID = 14;

/**
 * Writes a packet that is nothing but padding into the RTX stream of `stream`, with transport-wide number and abs-send-time. Returns
 * its bytes; 0 where the receiver did not negotiate what is needed.
 */
export function writePaddingRecord(context: EngineContext, stream: ConsumerStream, probeCluster: number): number {
  const { transport } = stream;
  const { transportCc, absSendTime } = stream.consumer.params.extensions;
  const payloadType = stream.rtxPayloadType;
  if (payloadType <= 0 || transportCc === 0 || transportCc > MAX_ONE_BYTE_ID) return 0;
  const timed = absSendTime > 0 && absSendTime <= MAX_ONE_BYTE_ID;
  const { store } = context;
  const slot = store.allocate();
  const start = slot * store.slotBytes;
  store.bytes.fill(0, start, start + PADDING_BYTES - 1);
  store.bytes[start + PADDING_BYTES - 1] = PADDING_BYTES;

  const { batch } = transport;
  if (batch.count === batch.capacity) transport.sink.flush();
  const record = batch.count++;
  const word = record * RECORD_WORDS;
  const header = record * SEND_RECORD_BYTES + SEND_PREFIX_OFFSET;
  const { u8, u16, u32, view } = batch;
  const number = stream.nextRtxNumber++;
  const sequence = transport.nextTransportSequence();
  transport.nextToken();
  const extensionWords = timed ? 2 : 1;
  view.setUint32(header, (FIRST_BYTE << 24) | (payloadType << 16) | (number & 0xffff));
  view.setUint32(header + 4, stream.rewriter.lastTimestamp);
  view.setUint32(header + 8, stream.rtxSsrc);
  view.setUint32(header + 12, (PROFILE << 16) | extensionWords);
  view.setUint32(header + 16, (transportCc << 28) | (1 << 24) | (sequence << 8));
  if (timed) {
    // Its element begins behind the other's three bytes.
    u8[header + 19] = (absSendTime << 4) | 2;
    u8[header + 20] = context.absSendTime >>> 16;
    u8[header + 21] = context.absSendTime >>> 8;
    u8[header + 22] = context.absSendTime;
    u8[header + 23] = 0;
  }
  const headerBytes = FIXED_HEADER_BYTES + 4 + 4 * extensionWords;
  u32[word] = transport.handle;
  u32[word + 1] = slot;
  u32[word + 2] = store.generations[slot];
  u16[2 * word + 6] = 0;
  u16[2 * word + 7] = PADDING_BYTES;
  u32[word + 4] = Math.floor(number / 0x1_0000);
  u32[word + 5] = (headerBytes << 16) | SendKind.RTP;
  u32[word + 6] = sendToken(sequence, probeCluster);
  u32[word + 7] = headerBytes;
  return headerBytes + PADDING_BYTES;
}
