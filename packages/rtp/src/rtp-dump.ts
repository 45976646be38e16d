import { readU16, readU32, writeU16, writeU32 } from "./byte-order.ts";

/*
 * Captures in the binary format of rtptools' rtpdump, which Wireshark and tshark open too:
 *
 *   "#!rtpplay1.0 <address>/<port>\n"
 *   16 bytes: start (u32 seconds, u32 microseconds), source address (u32), port (u16), u16 0
 *   then one record a packet:
 *     u16 length of the record, these 8 bytes included
 *     u16 length of the RTP packet; 0 for RTCP
 *     u32 milliseconds since the start
 *     the packet
 *
 * For tools and tests: it allocates.
 */

const SIGNATURE = "#!rtpplay1.0 ";
const FILE_HEADER_BYTES = 16;
const RECORD_HEADER_BYTES = 8;
const MAX_LINE_BYTES = 256;

/** One captured packet, decrypted. */
export interface RtpDumpRecord {
  readonly kind: "rtp" | "rtcp";
  /** Since the start of the capture. */
  readonly timeMs: number;
  readonly bytes: Uint8Array;
}

/** Makes a file of records, which stand in order of time. */
export function encodeRtpDump(records: readonly RtpDumpRecord[]): Uint8Array {
  const line = new TextEncoder().encode(`${SIGNATURE}127.0.0.1/5004\n`);
  let total = line.length + FILE_HEADER_BYTES;
  for (const record of records) total += RECORD_HEADER_BYTES + record.bytes.length;
  const file = new Uint8Array(total);
  file.set(line);
  writeU32(file, line.length + 8, 0x7f00_0001);
  writeU16(file, line.length + 12, 5004);
  let position = line.length + FILE_HEADER_BYTES;
  for (const record of records) {
    writeU16(file, position, RECORD_HEADER_BYTES + record.bytes.length);
    writeU16(file, position + 2, record.kind === "rtp" ? record.bytes.length : 0);
    writeU32(file, position + 4, record.timeMs);
    file.set(record.bytes, position + RECORD_HEADER_BYTES);
    position += RECORD_HEADER_BYTES + record.bytes.length;
  }
  return file;
}

/** Reads a file; `undefined` where it is none, or a record runs past the end. The records' bytes lie in `file`. */
export function parseRtpDump(file: Uint8Array): RtpDumpRecord[] | undefined {
  const lineEnd = file.subarray(0, MAX_LINE_BYTES).indexOf(0x0a);
  if (lineEnd < 0 || !new TextDecoder().decode(file.subarray(0, lineEnd)).startsWith(SIGNATURE)) return undefined;
  const records: RtpDumpRecord[] = [];
  let position = lineEnd + 1 + FILE_HEADER_BYTES;
  if (position > file.length) return undefined;
  while (position < file.length) {
    if (position + RECORD_HEADER_BYTES > file.length) return undefined;
    const length = readU16(file, position);
    if (length < RECORD_HEADER_BYTES || position + length > file.length) return undefined;
    records.push({
      kind: readU16(file, position + 2) === 0 ? "rtcp" : "rtp",
      timeMs: readU32(file, position + 4),
      bytes: file.subarray(position + RECORD_HEADER_BYTES, position + length),
    });
    position += length;
  }
  return records;
}
