import { MAX_REFERENCES, readTruth, TRUTH_BYTES, writeTruth } from "./frame-payload.ts";
import type { FrameTruth } from "./frame-payload.ts";

/** What a VP9 payload descriptor says of one packet (RFC 9628 §4.2). */
export interface Vp9Fields {
  readonly pictureId: number;
  readonly spatialId: number;
  readonly temporalId: number;
  readonly interPicturePredicted: boolean;
  readonly interLayerPredicted: boolean;
  readonly notReferenceForUpper: boolean;
  readonly switchingUp: boolean;
  readonly startOfFrame: boolean;
  readonly endOfFrame: boolean;
  /** Flexible mode: pictures back to each reference; undefined in the other mode. */
  readonly references: readonly number[] | undefined;
  /** Not flexible: TL0PICIDX. */
  readonly tl0PictureIndex: number;
  /** Sizes of all spatial layers, where the packet has the scalability structure. */
  readonly sizes: readonly (readonly [number, number])[] | undefined;
}

const MAX_DESCRIPTOR_BYTES = 48;
const AV1_HEADER_BYTES = 2;
const OBU_FRAME = 0x30;

/** A VP9 payload with 15-bit picture id and layer indices; behind the descriptor stands the truth. */
export function writeVp9Payload(truth: FrameTruth, fields: Vp9Fields, byteLength: number): Uint8Array {
  const payload = new Uint8Array(Math.max(byteLength, MAX_DESCRIPTOR_BYTES + TRUTH_BYTES + 4 * MAX_REFERENCES));
  const flexible = fields.references !== undefined;
  payload[0] =
    0xa0 |
    (fields.interPicturePredicted ? 0x40 : 0) |
    (flexible ? 0x10 : 0) |
    (fields.startOfFrame ? 0x08 : 0) |
    (fields.endOfFrame ? 0x04 : 0) |
    (fields.sizes !== undefined ? 0x02 : 0) |
    (fields.notReferenceForUpper ? 0x01 : 0);
  payload[1] = 0x80 | (fields.pictureId >> 8);
  payload[2] = fields.pictureId;
  payload[3] =
    (fields.temporalId << 5) |
    (fields.switchingUp ? 0x10 : 0) |
    (fields.spatialId << 1) |
    (fields.interLayerPredicted ? 1 : 0);
  let position = 4;
  if (fields.references === undefined) payload[position++] = fields.tl0PictureIndex;
  else if (fields.interPicturePredicted) position = writeReferences(payload, position, fields.references);
  if (fields.sizes !== undefined) position = writeSizes(payload, position, fields.sizes);
  writeTruth(new DataView(payload.buffer), position, truth);
  return payload;
}

/** The truth behind a VP9 descriptor. */
export function readVp9Truth(payload: Uint8Array, descriptorBytes: number): FrameTruth | undefined {
  return readTruth(new DataView(payload.buffer, payload.byteOffset, payload.byteLength), descriptorBytes);
}

/** An AV1 payload of one OBU element (AV1 RTP §4.4), N set at the start of a sequence. */
export function writeAv1Payload(truth: FrameTruth, startsSequence: boolean, byteLength: number): Uint8Array {
  const payload = new Uint8Array(Math.max(byteLength, AV1_HEADER_BYTES + TRUTH_BYTES + 4 * MAX_REFERENCES));
  const first = truth.packetIndex === 0;
  const last = truth.packetIndex === truth.packetCount - 1;
  payload[0] = 0x10 | (first ? 0 : 0x80) | (last ? 0 : 0x40) | (startsSequence && first ? 0x08 : 0);
  payload[1] = OBU_FRAME;
  writeTruth(new DataView(payload.buffer), AV1_HEADER_BYTES, truth);
  return payload;
}

export function readAv1Truth(payload: Uint8Array): FrameTruth | undefined {
  return readTruth(new DataView(payload.buffer, payload.byteOffset, payload.byteLength), AV1_HEADER_BYTES);
}

function writeReferences(payload: Uint8Array, start: number, references: readonly number[]): number {
  let position = start;
  for (const [i, reference] of references.entries()) {
    payload[position++] = (reference << 1) | (i < references.length - 1 ? 1 : 0);
  }
  return position;
}

function writeSizes(payload: Uint8Array, start: number, sizes: readonly (readonly [number, number])[]): number {
  const view = new DataView(payload.buffer);
  payload[start] = ((sizes.length - 1) << 5) | 0x10;
  let position = start + 1;
  for (const [width, height] of sizes) {
    view.setUint16(position, width);
    view.setUint16(position + 2, height);
    position += 4;
  }
  return position;
}
