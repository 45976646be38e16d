/** Readers of the two small containers that the bots' media lie in. Both throw on what is not such a file. */

/** One frame of an IVF file (a header of 32 bytes, then frames, each behind 12 bytes of length and time). */
export interface VideoFrame {
  readonly bytes: Uint8Array;
  readonly keyframe: boolean;
}

const IVF_HEADER_BYTES = 32;
const IVF_FRAME_HEADER_BYTES = 12;

/** Frames of an IVF file with VP8 (RFC 6386 §9.1: the first bit of a frame is 0 in a keyframe). */
export function readVp8Ivf(file: Uint8Array): VideoFrame[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < IVF_HEADER_BYTES || ascii(file, 0, 4) !== "DKIF" || ascii(file, 8, 4) !== "VP80") {
    throw new Error("not an IVF file with VP8");
  }
  const frames: VideoFrame[] = [];
  let position = view.getUint16(6, true);
  while (position + IVF_FRAME_HEADER_BYTES <= file.length) {
    const start = position + IVF_FRAME_HEADER_BYTES;
    const end = start + view.getUint32(position, true);
    if (end > file.length || end === start) throw new Error("IVF frame runs past the end");
    const bytes = file.subarray(start, end);
    frames.push({ bytes, keyframe: (bytes[0] & 1) === 0 });
    position = end;
  }
  return frames;
}

const OGG_HEADER_BYTES = 27;

/** Packets of an Ogg Opus file, its two header packets left out (RFC 3533 §6, RFC 7845 §3). */
export function readOggOpus(file: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  let pieces: Uint8Array[] = [];
  let position = 0;
  while (position + OGG_HEADER_BYTES <= file.length) {
    if (ascii(file, position, 4) !== "OggS") throw new Error("not an Ogg file");
    const segments = file[position + 26];
    let start = position + OGG_HEADER_BYTES + segments;
    for (let i = 0; i < segments; i++) {
      const length = file[position + OGG_HEADER_BYTES + i];
      pieces.push(file.subarray(start, start + length));
      start += length;
      // A packet ends with the first segment shorter than 255 bytes.
      if (length < 255) {
        packets.push(Buffer.concat(pieces));
        pieces = [];
      }
    }
    if (start > file.length) throw new Error("Ogg page runs past the end");
    position = start;
  }
  if (packets.length < 3 || ascii(packets[0], 0, 8) !== "OpusHead") throw new Error("not an Ogg file with Opus");
  return packets.slice(2);
}

function ascii(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString("latin1");
}
