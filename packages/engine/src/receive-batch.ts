/**
 * What the I/O backend hands to the engine: decrypted RTP and RTCP in arrival order, one fixed-size record a packet.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0  | u32 | transport handle |
 * | 4  | u32 | slot |
 * | 8  | u32 | generation of the slot |
 * | 12 | u16 | offset of the packet inside the slot |
 * | 14 | u16 | length, authentication tag and SRTCP trailer removed |
 * | 16 | u8  | kind: 0 RTP, 1 RTCP |
 * | 24 | f64 | arrival, MonoUs (kernel time where the backend has it) |
 */
export const RECEIVE_RECORD_BYTES = 32;

export const ReceiveKind = { RTP: 0, RTCP: 1 } as const;

/** A batch of received packets. Valid during the call that hands it over; slots stay valid until overwritten. */
export class ReceiveBatch {
  readonly capacity: number;
  readonly buffer: ArrayBuffer;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
  count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.buffer = new ArrayBuffer(capacity * RECEIVE_RECORD_BYTES);
    this.u8 = new Uint8Array(this.buffer);
    this.u16 = new Uint16Array(this.buffer);
    this.u32 = new Uint32Array(this.buffer);
    this.f64 = new Float64Array(this.buffer);
  }
}
