/**
 * What the engine hands to the I/O backend: fixed-size records in one typed array, one a packet. Native code reads the
 * same layout (packages/media-io/native/records.h); SEND_RECORD_* are its only source of truth in TypeScript.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0  | u32 | transport handle |
 * | 4  | u32 | slot |
 * | 8  | u32 | generation of the slot, checked before and after the gather |
 * | 12 | u16 | offset of the rest inside the slot |
 * | 14 | u16 | length of the rest |
 * | 16 | u32 | RTP: rollover counter; RTCP: SRTCP index (RFC 3711 §3.3.1, §3.4) |
 * | 20 | u8  | kind: 0 RTP, 1 RTCP |
 * | 21 | u8  | flags (none yet) |
 * | 22 | u16 | length of the prefix |
 * | 24 | u32 | token: returned with the completion |
 * | 28 | u32 | RTP: length of the RTP header inside the prefix (fixed header, CSRCs, extensions): sent unencrypted |
 * | 32 | 96 bytes | prefix: rewritten header and payload start |
 */
export const SEND_RECORD_BYTES = 128;
export const SEND_PREFIX_OFFSET = 32;
export const SEND_PREFIX_MAX_BYTES = 96;

export const SendKind = { RTP: 0, RTCP: 1 } as const;

/** Outcome of a record, as the backend reports it. */
export const SendOutcome = {
  SENT: 0,
  /** The bounded queue in front of the socket or a sender thread was full. */
  QUEUE_FULL: 1,
  /** The slot had been written again before the packet was gathered. */
  SLOT_OVERWRITTEN: 2,
  /** The transport is closed, has no keys or no address yet. */
  NO_TRANSPORT: 3,
  /** The kernel refused it. */
  SOCKET_ERROR: 4,
} as const;
export type SendOutcome = (typeof SendOutcome)[keyof typeof SendOutcome];

/** A batch of records being written. Reused for ever: nothing is allocated per packet. */
export class SendBatch {
  readonly capacity: number;
  readonly buffer: ArrayBuffer;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly view: DataView;
  /** Records written so far. */
  count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.buffer = new ArrayBuffer(capacity * SEND_RECORD_BYTES);
    this.u8 = new Uint8Array(this.buffer);
    this.u16 = new Uint16Array(this.buffer);
    this.u32 = new Uint32Array(this.buffer);
    this.view = new DataView(this.buffer);
  }

  get full(): boolean {
    return this.count === this.capacity;
  }
}
