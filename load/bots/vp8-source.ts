import type { VideoFrame } from "./media-files.ts";
import type { MediaSource, SourcePacket } from "./media-source.ts";
import { SEND_TIME_BYTES, writeSendTime } from "./send-time.ts";

/** Of a VP8 packet: the encoder's frame is cut so that packets stay below the usual path MTU. */
const MAX_FRAGMENT_BYTES = 1_100;
const DESCRIPTOR_BYTES = 6;

export interface Vp8SourceOptions {
  /** Starts with a keyframe. */
  readonly frames: readonly VideoFrame[];
  readonly framesPerSecond: number;
  /** Any integer: where to begin, so that bots do not move in step. */
  readonly phase: number;
  /** Frames are filled up to this rate, where the recording has less; 0 leaves them as they are. */
  readonly bitrateBps: number;
}

/**
 * A recorded VP8 picture in motion, played in a loop. A keyframe request jumps to the next recorded keyframe: what the
 * receiver decodes is valid VP8 throughout (what fills a frame up belongs to its last partition, and no decoder reads it).
 */
export class Vp8Source implements MediaSource {
  readonly clockRateHz = 90_000;
  readonly frameIntervalMs: number;
  readonly #frames: readonly VideoFrame[];
  readonly #frameBudgetBytes: number;
  /** Bytes that frames so far fell short of their budget; negative after a large one. */
  #credit = 0;
  #next: number;
  #keyframeWanted = true;
  #pictureId: number;
  #tl0PictureIndex = 0;

  constructor({ frames, framesPerSecond, phase, bitrateBps }: Vp8SourceOptions) {
    this.#frames = frames;
    this.frameIntervalMs = 1_000 / framesPerSecond;
    this.#frameBudgetBytes = bitrateBps / 8 / framesPerSecond;
    this.#next = phase % frames.length;
    this.#pictureId = phase & 0x7fff;
  }

  requestKeyframe(): void {
    this.#keyframeWanted = true;
  }

  nextFrame(nowUs: number): SourcePacket[] {
    if (this.#keyframeWanted) this.#next = this.#findKeyframe(this.#next);
    this.#keyframeWanted = false;
    const { bytes: frame } = this.#frames[this.#next];
    this.#next = (this.#next + 1) % this.#frames.length;
    this.#pictureId = (this.#pictureId + 1) & 0x7fff;
    this.#tl0PictureIndex = (this.#tl0PictureIndex + 1) & 0xff;
    return this.#cut(frame, frame.length + this.#fill(frame.length + SEND_TIME_BYTES) + SEND_TIME_BYTES, nowUs);
  }

  /** Bytes to add to a frame of `length`. A large frame is made up for over a second at most. */
  #fill(length: number): number {
    const credit = this.#credit + this.#frameBudgetBytes - length;
    const fill = Math.max(0, Math.floor(credit));
    this.#credit = Math.max(credit - fill, -20 * this.#frameBudgetBytes);
    return fill;
  }

  /** Cuts a frame that is filled up to `length`, the send time at its end. */
  #cut(frame: Uint8Array, length: number, nowUs: number): SourcePacket[] {
    const count = Math.ceil(length / MAX_FRAGMENT_BYTES);
    const fragmentBytes = Math.ceil(length / count);
    const packets: SourcePacket[] = [];
    for (let start = 0; start < length; start += fragmentBytes) {
      const end = Math.min(start + fragmentBytes, length);
      const payload = new Uint8Array(DESCRIPTOR_BYTES + end - start);
      payload.set(this.#descriptor(start === 0));
      if (start < frame.length) payload.set(frame.subarray(start, end), DESCRIPTOR_BYTES);
      packets.push({ payload, marker: end === length });
    }
    const { payload } = packets[packets.length - 1];
    writeSendTime(payload, payload.length - SEND_TIME_BYTES, nowUs);
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
