/**
 * What became of sent records: token and time in the order of sending. Feeds bandwidth estimation and the counters of
 * drops; nothing else says that a packet left.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u32 | transport handle |
 * | 4 | u32 | token of the record |
 * | 8 | u8  | SendOutcome |
 * | 12 | u32 | bytes on the wire (UDP payload) |
 * | 16 | f64 | sent, MonoUs |
 */
export const COMPLETION_RECORD_BYTES = 24;

export class CompletionBatch {
  readonly capacity: number;
  readonly buffer: ArrayBuffer;
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
  count = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.buffer = new ArrayBuffer(capacity * COMPLETION_RECORD_BYTES);
    this.u8 = new Uint8Array(this.buffer);
    this.u32 = new Uint32Array(this.buffer);
    this.f64 = new Float64Array(this.buffer);
  }
}
