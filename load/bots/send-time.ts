/**
 * The time at which a bot sent a frame, behind the frame's own bytes: decoders of VP8 and Opus do not look there (in VP8
 * it belongs to the last partition, in Opus it is padding). So a receiver on the same machine knows the latency.
 *
 * | bytes | field |
 * |---|---|
 * | 4 | magic |
 * | 8 | microseconds of the machine's monotonic clock, f64 |
 */
export const SEND_TIME_BYTES = 12;

const MAGIC = 0xca71_0717;
const scratch = new DataView(new ArrayBuffer(SEND_TIME_BYTES));
const scratchBytes = new Uint8Array(scratch.buffer);

/** Writes at `offset`; the caller knows that there is room. */
export function writeSendTime(target: Uint8Array, offset: number, nowUs: number): void {
  scratch.setUint32(0, MAGIC);
  scratch.setFloat64(4, nowUs);
  target.set(scratchBytes, offset);
}

/** The time at the end of a payload, `end` excluded; -1 where there is none. */
export function readSendTime(bytes: Uint8Array, start: number, end: number): number {
  const offset = end - SEND_TIME_BYTES;
  if (offset < start) return -1;
  if (bytes[offset] !== MAGIC >>> 24 || bytes[offset + 1] !== ((MAGIC >>> 16) & 0xff)) return -1;
  if (bytes[offset + 2] !== ((MAGIC >>> 8) & 0xff) || bytes[offset + 3] !== (MAGIC & 0xff)) return -1;
  for (let i = 4; i < SEND_TIME_BYTES; i++) scratchBytes[i] = bytes[offset + i];
  return scratch.getFloat64(4);
}
