/** DTLS 1.2 records (RFC 6347 §4.1), as bytes only: nothing here knows a key. */

export const DTLS_RECORD_HEADER_BYTES = 13;
export const DTLS_1_2 = 0xfefd;
const DTLS_1_0 = 0xfeff;
/** RFC 6347 §4.1: 2^14 of content and what a cipher may add. */
const MAX_FRAGMENT_BYTES = 16_384 + 2_048;

export const ContentType = {
  CHANGE_CIPHER_SPEC: 20,
  ALERT: 21,
  HANDSHAKE: 22,
  APPLICATION_DATA: 23,
} as const;

export const AlertDescription = {
  CLOSE_NOTIFY: 0,
  HANDSHAKE_FAILURE: 40,
  BAD_CERTIFICATE: 42,
  DECRYPT_ERROR: 51,
} as const;

export interface DtlsRecord {
  readonly type: number;
  readonly version: number;
  readonly epoch: number;
  /** 48 bits. */
  readonly sequenceNumber: number;
  /** A view into the datagram. */
  readonly fragment: Buffer;
}

/** The records of a datagram. Stops at the first that is not one; what was read before it stands (RFC 6347 §4.1.2.7). */
export function readRecords(datagram: Buffer): DtlsRecord[] {
  const records: DtlsRecord[] = [];
  let offset = 0;
  while (offset + DTLS_RECORD_HEADER_BYTES <= datagram.length) {
    const type = datagram.readUInt8(offset);
    const version = datagram.readUInt16BE(offset + 1);
    const length = datagram.readUInt16BE(offset + 11);
    const start = offset + DTLS_RECORD_HEADER_BYTES;
    const known = type >= ContentType.CHANGE_CIPHER_SPEC && type <= ContentType.APPLICATION_DATA;
    if (!known || (version !== DTLS_1_2 && version !== DTLS_1_0)) break;
    if (length > MAX_FRAGMENT_BYTES || start + length > datagram.length) break;
    records.push({
      type,
      version,
      epoch: datagram.readUInt16BE(offset + 3),
      sequenceNumber: datagram.readUIntBE(offset + 5, 6),
      fragment: datagram.subarray(start, start + length),
    });
    offset = start + length;
  }
  return records;
}

/** A record on the wire. */
export function writeRecord(record: DtlsRecord): Buffer {
  const bytes = Buffer.alloc(DTLS_RECORD_HEADER_BYTES + record.fragment.length);
  bytes.writeUInt8(record.type, 0);
  bytes.writeUInt16BE(record.version, 1);
  bytes.writeUInt16BE(record.epoch, 3);
  bytes.writeUIntBE(record.sequenceNumber, 5, 6);
  bytes.writeUInt16BE(record.fragment.length, 11);
  record.fragment.copy(bytes, DTLS_RECORD_HEADER_BYTES);
  return bytes;
}
