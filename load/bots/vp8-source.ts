import type { VideoFrame } from "./media-files.ts";

/** Payload of one RTP packet, and whether the frame ends with it. */
export interface SourcePacket {
  readonly payload: Uint8Array;
  readonly marker: boolean;
}

/** What a bot publishes: a stream of frames, each cut into RTP payloads. */
export interface MediaSource {
  readonly clockRateHz: number;
  readonly frameIntervalMs: number;
  /** Payloads of the next frame; the array and what it holds are the caller's. */
  nextFrame(): SourcePacket[];
  /** The next frame shall be decodable by itself. */
  requestKeyframe(): void;
}

/** Of a VP8 packet: the encoder's frame is cut so that packets stay below the usual path MTU. */
const MAX_FRAGMENT_BYTES = 1_100;

/**
 * A recorded VP8 picture in motion, played in a loop. A keyframe request jumps to the next recorded keyframe: what the
 * receiver decodes is valid VP8 throughout.
 */
export class Vp8Source implements MediaSource {
  readonly clockRateHz = 90_000;
  readonly frameIntervalMs: number;
  readonly #frames: readonly VideoFrame[];
  #next: number;
  #keyframeWanted = false;
  #pictureId: number;
  #tl0PictureIndex = 0;

  /** `frames` starts with a keyframe. `phase` (any integer) tells where to begin, so that bots do not move in step. */
  constructor(frames: readonly VideoFrame[], framesPerSecond: number, phase: number) {
    this.#frames = frames;
    this.frameIntervalMs = 1_000 / framesPerSecond;
    this.#next = phase % frames.length;
    this.#pictureId = phase & 0x7fff;
    this.#keyframeWanted = true;
  }

  requestKeyframe(): void {
    this.#keyframeWanted = true;
  }

  nextFrame(): SourcePacket[] {
    if (this.#keyframeWanted) this.#next = this.#findKeyframe(this.#next);
    this.#keyframeWanted = false;
    const frame = this.#frames[this.#next];
    this.#next = (this.#next + 1) % this.#frames.length;
    this.#pictureId = (this.#pictureId + 1) & 0x7fff;
    this.#tl0PictureIndex = (this.#tl0PictureIndex + 1) & 0xff;

    const packets: SourcePacket[] = [];
    for (let start = 0; start < frame.bytes.length; start += MAX_FRAGMENT_BYTES) {
      const end = Math.min(start + MAX_FRAGMENT_BYTES, frame.bytes.length);
      const payload = Buffer.concat([this.#descriptor(start === 0), frame.bytes.subarray(start, end)]);
      packets.push({ payload, marker: end === frame.bytes.length });
    }
    return packets;
  }

  #findKeyframe(from: number): number {
    for (let i = 0; i < this.#frames.length; i++) {
      const index = (from + i) % this.#frames.length;
      if (this.#frames[index].keyframe) return index;
    }
    return 0;
  }

  /** RFC 7741 §4.2 with X, I (15 bits), L and T: one temporal layer, which libwebrtc sends alike. */
  #descriptor(startOfFrame: boolean): Uint8Array {
    return Uint8Array.of(
      0x80 | (startOfFrame ? 0x10 : 0),
      0xe0,
      0x80 | (this.#pictureId >> 8),
      this.#pictureId & 0xff,
      this.#tl0PictureIndex,
      0x20,
    );
  }
}
