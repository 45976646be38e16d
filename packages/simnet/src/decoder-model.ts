import { Vp8Payload } from "@cation/rtp/payload/vp8";
import { delta8, pictureIdDelta, timestampDelta } from "@cation/rtp/sequence";
import { readVideoPayload } from "./frame-payload.ts";
import type { FrameTruth } from "./frame-payload.ts";
import type { HeldPacket } from "./loss-recovery.ts";

const REMEMBERED_FRAMES = 64;

interface Frame {
  readonly truth: FrameTruth;
  readonly timestamp: number;
  readonly pictureId: number;
  readonly tl0PictureIndex: number;
  readonly temporalId: number;
  nextPacket: number;
  broken: boolean;
}

/** A frame that came out of the decoder. */
export interface DecodedFrame {
  readonly truth: FrameTruth;
  readonly timestamp: number;
  readonly temporalId: number;
}

/** What a viewer's decoder shows of itself, whatever the format. */
export interface FrameDecoder {
  /** Pictures. */
  readonly decoded: number;
  readonly keyframes: number;
  /** Complete frames whose references are missing. */
  readonly undecodable: number;
  /** Frames that began and never ended although no packet was missing. */
  readonly truncated: number;
  /** Steps in headers that no loss explains; empty for a sound stream. */
  readonly violations: string[];
  /** Whether ids must go on without a step at keyframes too: so on a stream that the last node rewrites. */
  strictKeyframes: boolean;
  /** The decoder needs a keyframe. */
  readonly broken: boolean;
  readonly lastDecoded: DecodedFrame | undefined;
  /** Takes the next packet; returns the picture that it completes, if that can be decoded. */
  push(packet: HeldPacket): DecodedFrame | undefined;
}

/**
 * A reference decoder of simulated VP8: takes packets in order, puts frames together, and knows from their truth whether a
 * real decoder could have decoded them. Also checks that what the headers say is continuous: timestamps rise, picture ids
 * and TL0PICIDX go on without a step, except where packets are missing.
 */
export class DecoderModel implements FrameDecoder {
  decoded = 0;
  keyframes = 0;
  /** Complete frames whose references are missing. */
  undecodable = 0;
  /** Frames that began and never ended although no packet was missing. */
  truncated = 0;
  /** Steps in headers that no loss explains; empty for a sound stream. */
  readonly violations: string[] = [];
  /** Whether a keyframe must follow its predecessor in picture ids too: so on a stream that the last node rewrites. */
  strictKeyframes = true;
  /** The decoder needs a keyframe. */
  broken = true;
  lastDecoded: DecodedFrame | undefined;

  readonly #vp8 = new Vp8Payload();
  readonly #decodedFrames = new Set<number>();
  #frame: Frame | undefined;
  #lastTimestamp: number | undefined;
  #lastPictureId = -1;
  #lastTl0PictureIndex = -1;
  #gap = false;
  #expectedExtSeq = -1;

  /** Takes the next packet; returns the frame that it completes, if that can be decoded. */
  push(packet: HeldPacket): DecodedFrame | undefined {
    if (this.#expectedExtSeq >= 0 && packet.extSeq !== this.#expectedExtSeq) this.#lost();
    this.#expectedExtSeq = packet.extSeq + 1;
    if (packet.payload.length === 0) return undefined;
    if (!this.#vp8.set(packet.payload, 0, packet.payload.length)) {
      this.violations.push(`payload of ${packet.extSeq} is no VP8`);
      return undefined;
    }
    const truth = readVideoPayload(packet.payload.subarray(this.#vp8.descriptorBytes));
    if (truth === undefined) {
      this.violations.push(`payload of ${packet.extSeq} is damaged`);
      return undefined;
    }
    if (this.#frame === undefined || this.#frame.timestamp !== packet.timestamp) this.#begin(packet, truth);
    return this.#continue(packet, truth);
  }

  #lost(): void {
    this.#gap = true;
    if (this.#frame !== undefined) this.#frame.broken = true;
  }

  #begin(packet: HeldPacket, truth: FrameTruth): void {
    if (this.#frame !== undefined && !this.#gap) {
      // Only a keyframe of another source may cut a frame short.
      if (!truth.keyframe) this.violations.push(`frame at ${packet.extSeq} starts before the last one ended`);
      this.truncated++;
    }
    this.#checkTimestamp(packet);
    this.#checkPictureId(packet, truth);
    const { pictureId, tl0PictureIndex, temporalId } = this.#vp8;
    this.#frame = {
      truth,
      timestamp: packet.timestamp,
      pictureId,
      tl0PictureIndex,
      temporalId,
      nextPacket: 0,
      broken: false,
    };
    this.#gap = false;
  }

  #checkTimestamp(packet: HeldPacket): void {
    if (this.#lastTimestamp !== undefined && timestampDelta(packet.timestamp, this.#lastTimestamp) <= 0) {
      this.violations.push(`timestamp goes back at ${packet.extSeq}`);
    }
    this.#lastTimestamp = packet.timestamp;
  }

  #checkPictureId(packet: HeldPacket, truth: FrameTruth): void {
    const { pictureId, tl0PictureIndex, temporalId } = this.#vp8;
    const baseStep = temporalId === 0 ? 1 : 0;
    if (this.#lastPictureId >= 0) {
      const step = pictureIdDelta(pictureId, this.#lastPictureId, 15);
      const tl0Step = delta8(tl0PictureIndex, this.#lastTl0PictureIndex);
      const excused = this.#gap || (truth.keyframe && !this.strictKeyframes);
      const sound = excused ? step >= 0 && tl0Step >= 0 : step === 1 && tl0Step === baseStep;
      if (!sound) {
        const kind = truth.keyframe ? "keyframe" : "frame";
        this.violations.push(`picture id +${step}, TL0PICIDX +${tl0Step} at ${kind} ${packet.extSeq}`);
      }
    }
    this.#lastPictureId = pictureId;
    this.#lastTl0PictureIndex = tl0PictureIndex;
  }

  #continue(packet: HeldPacket, truth: FrameTruth): DecodedFrame | undefined {
    const frame = this.#frame as Frame;
    if (truth.packetIndex !== frame.nextPacket) frame.broken = true;
    frame.nextPacket = truth.packetIndex + 1;
    if (truth.packetIndex + 1 !== truth.packetCount) return undefined;
    if (!packet.marker) this.violations.push(`no marker at the end of the frame at ${packet.extSeq}`);
    this.#frame = undefined;
    if (frame.broken) {
      this.broken = true;
      return undefined;
    }
    return this.#decode(frame);
  }

  #decode(frame: Frame): DecodedFrame | undefined {
    const { truth } = frame;
    const decodable = truth.references.every((reference) => this.#decodedFrames.has(keyOf(truth.encoding, reference)));
    if (!decodable) {
      this.undecodable++;
      this.broken = true;
      return undefined;
    }
    if (truth.keyframe) {
      this.#decodedFrames.clear();
      this.keyframes++;
    }
    this.#decodedFrames.add(keyOf(truth.encoding, truth.frameId));
    if (this.#decodedFrames.size > REMEMBERED_FRAMES) {
      for (const oldest of this.#decodedFrames) {
        this.#decodedFrames.delete(oldest);
        break;
      }
    }
    this.decoded++;
    this.broken = false;
    this.lastDecoded = { truth, timestamp: frame.timestamp, temporalId: frame.temporalId };
    return this.lastDecoded;
  }
}

function keyOf(encoding: number, frameId: number): number {
  return encoding * 0x1_0000_0000 + frameId;
}
