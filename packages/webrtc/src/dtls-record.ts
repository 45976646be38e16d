/** DTLS 1.2 records (RFC 6347 §4.1), as bytes only: nothing here knows a key. */

export const DTLS_RECORD_HEADER_BYTES = 13;
export const DTLS_1_2 = 0xfefd;
const DTLS_1_0 = 0xfeff;
/** Header of a handshake message or of a fragment of one (RFC 6347 §4.2.2). */
export const HANDSHAKE_HEADER_BYTES = 12;
/** Longest handshake message that is taken: a client's certificate chain. */
export const MAX_HANDSHAKE_BYTES = 16_384;
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

/**
 * Whether a datagram is whole records and nothing else, and those in the clear could be from a handshake. Cheap, and keeps
 * noise from backends that give up on a handshake message which contradicts itself.
 */
export function isPlausibleDtls(datagram: Buffer): boolean {
  let length = 0;
  for (const record of readRecords(datagram)) {
    if (record.epoch === 0 && !isPlausiblePlain(record)) return false;
    length += DTLS_RECORD_HEADER_BYTES + record.fragment.length;
  }
  return length > 0 && length === datagram.length;
}

function isPlausiblePlain({ type, fragment }: DtlsRecord): boolean {
  switch (type) {
    case ContentType.CHANGE_CIPHER_SPEC:
      return fragment.length === 1 && fragment[0] === 1;
    case ContentType.ALERT:
      return fragment.length === 2;
    case ContentType.HANDSHAKE:
      return isPlausibleHandshake(fragment);
    default:
      return false;
  }
}

/** Handshake fragments that lie inside their messages (RFC 6347 §4.2.2). */
function isPlausibleHandshake(fragments: Buffer): boolean {
  let offset = 0;
  while (offset + HANDSHAKE_HEADER_BYTES <= fragments.length) {
    const length = fragments.readUIntBE(offset + 1, 3);
    const start = fragments.readUIntBE(offset + 6, 3);
    const size = fragments.readUIntBE(offset + 9, 3);
    if (length > MAX_HANDSHAKE_BYTES || start + size > length) return false;
    offset += HANDSHAKE_HEADER_BYTES + size;
  }
  return offset > 0 && offset === fragments.length;
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
