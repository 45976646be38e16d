/**
 * Payloads of simulated media. Behind a real VP8 descriptor and frame header they carry the truth about the frame: what it
 * is, what it refers to, when it was captured. So a receiver can tell a decodable frame from one that only looks like it.
 */

/** Truth about one packet of a frame. */
export interface FrameTruth {
  readonly encoding: number;
  /** Counts frames of one encoding. */
  readonly frameId: number;
  readonly keyframe: boolean;
  readonly packetIndex: number;
  readonly packetCount: number;
  /** On the publisher's clock. */
  readonly captureUs: number;
  /** Frames of the same encoding that must have been decoded. */
  readonly references: readonly number[];
}

/** Descriptor fields that a publisher chooses. */
export interface Vp8Fields {
  readonly pictureId: number;
  readonly tl0PictureIndex: number;
  readonly temporalId: number;
  readonly layerSync: boolean;
}

const DESCRIPTOR_BYTES = 6;
const VP8_HEADER_BYTES = 10;
const MAGIC = 0xca;
/** Bytes of a truth without its references, four each. */
export const TRUTH_BYTES = 20;
export const MAX_REFERENCES = 3;

/** Smallest payload that holds descriptor, frame header and truth. */
export const MIN_VIDEO_PAYLOAD_BYTES = DESCRIPTOR_BYTES + VP8_HEADER_BYTES + TRUTH_BYTES + 4 * MAX_REFERENCES;

/** A VP8 payload (RFC 7741 §4.2, 15-bit picture id) of `byteLength` bytes in all. */
export function writeVideoPayload(truth: FrameTruth, fields: Vp8Fields, byteLength: number): Uint8Array {
  const payload = new Uint8Array(Math.max(byteLength, MIN_VIDEO_PAYLOAD_BYTES));
  const view = new DataView(payload.buffer);
  const start = truth.packetIndex === 0;
  payload[0] = 0x80 | (start ? 0x10 : 0);
  payload[1] = 0xe0;
  view.setUint16(2, 0x8000 | fields.pictureId);
  payload[4] = fields.tl0PictureIndex;
  payload[5] = (fields.temporalId << 6) | (fields.layerSync ? 0x20 : 0);
  payload[6] = start && truth.keyframe ? 0x10 : 0x11;
  if (start && truth.keyframe) payload.set([0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01], 9);
  writeTruth(view, DESCRIPTOR_BYTES + VP8_HEADER_BYTES, truth);
  return payload;
}

/** Truth in the bytes behind a VP8 descriptor; undefined where they are no simulated frame. */
export function readVideoPayload(bytes: Uint8Array): FrameTruth | undefined {
  if (bytes.length < VP8_HEADER_BYTES + TRUTH_BYTES) return undefined;
  return readTruth(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), VP8_HEADER_BYTES);
}

/** An audio payload: one frame a packet. */
export function writeAudioPayload(frameId: number, captureUs: number, byteLength: number): Uint8Array {
  const payload = new Uint8Array(Math.max(byteLength, TRUTH_BYTES));
  const truth = { encoding: 0, frameId, keyframe: true, packetIndex: 0, packetCount: 1, captureUs, references: [] };
  writeTruth(new DataView(payload.buffer), 0, truth);
  return payload;
}

export function readAudioPayload(bytes: Uint8Array): FrameTruth | undefined {
  if (bytes.length < TRUTH_BYTES) return undefined;
  return readTruth(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
}

/** Writes a truth at `offset`. */
export function writeTruth(view: DataView, offset: number, truth: FrameTruth): void {
  view.setUint8(offset, MAGIC);
  view.setUint8(offset + 1, truth.encoding | (truth.keyframe ? 0x80 : 0));
  view.setUint8(offset + 2, truth.packetIndex);
  view.setUint8(offset + 3, truth.packetCount);
  view.setUint32(offset + 4, truth.frameId);
  view.setFloat64(offset + 8, truth.captureUs);
  view.setUint8(offset + 16, truth.references.length);
  for (const [i, reference] of truth.references.entries()) view.setUint32(offset + TRUTH_BYTES + 4 * i, reference);
}

/** Reads the truth at `offset`; undefined where there is none. */
export function readTruth(view: DataView, offset: number): FrameTruth | undefined {
  if (offset + TRUTH_BYTES > view.byteLength || view.getUint8(offset) !== MAGIC) return undefined;
  const flags = view.getUint8(offset + 1);
  const references: number[] = [];
  const count = view.getUint8(offset + 16);
  if (offset + TRUTH_BYTES + 4 * count > view.byteLength) return undefined;
  for (let i = 0; i < count; i++) references.push(view.getUint32(offset + TRUTH_BYTES + 4 * i));
  return {
    encoding: flags & 0x7f,
    keyframe: (flags & 0x80) !== 0,
    packetIndex: view.getUint8(offset + 2),
    packetCount: view.getUint8(offset + 3),
    frameId: view.getUint32(offset + 4),
    captureUs: view.getFloat64(offset + 8),
    references,
  };
}
