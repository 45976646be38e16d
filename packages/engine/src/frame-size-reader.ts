import { Av1Payload, ObuType } from "@cation/rtp/payload/av1";
import { Av1SequenceHeader } from "@cation/rtp/payload/av1-sequence-header";
import { H264Payload, NalType } from "@cation/rtp/payload/h264";
import { H264Sps } from "@cation/rtp/payload/h264-sps";

/** Reads the size of the picture out of the first packet of a keyframe, where it says it. Made once. */
export class FrameSizeReader {
  width = 0;
  height = 0;

  readonly #h264 = new H264Payload();
  readonly #sps = new H264Sps();
  readonly #av1 = new Av1Payload();
  readonly #sequence = new Av1SequenceHeader();

  /** Size in an H264 sequence parameter set (H.264 §7.3.2.1). */
  readH264(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.#h264.set(bytes, offset, length)) return false;
    while (this.#h264.next()) {
      const { nalType, nalOffset, nalBytes } = this.#h264;
      if (nalType !== NalType.SPS || !this.#sps.set(bytes, nalOffset, nalBytes)) continue;
      this.width = this.#sps.width;
      this.height = this.#sps.height;
      return true;
    }
    return false;
  }

  /** Largest size of an AV1 sequence (AV1 specification §5.5.1). */
  readAv1(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.#av1.set(bytes, offset, length)) return false;
    while (this.#av1.next()) {
      const { obuType, obuPayloadOffset, elementOffset, elementBytes } = this.#av1;
      const left = elementOffset + elementBytes - obuPayloadOffset;
      if (obuType !== ObuType.SEQUENCE_HEADER || !this.#sequence.set(bytes, obuPayloadOffset, left)) continue;
      this.width = this.#sequence.maxWidth;
      this.height = this.#sequence.maxHeight;
      return true;
    }
    return false;
  }
}
