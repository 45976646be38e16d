import { isKeyframeStart } from "@cation/rtp/payload/keyframe";
import { CodecKind } from "@cation/rtp/payload/codec-kind";
import { Vp8Payload } from "@cation/rtp/payload/vp8";
import { pictureIdDelta } from "@cation/rtp/sequence";
import { DropReason } from "./drop-reason.ts";
import type { IncomingPacket } from "./incoming-packet.ts";

/** Continues 7- and 15-bit picture ids of one stream to 15 bits, as consumers write them (RFC 7741 §4.2). */
export class PictureIdUnwrapper {
  /** Newest id; -1 before the first. */
  highest = -1;

  unwrap(pictureId: number, bits: number): number {
    if (this.highest < 0 || bits === 15) {
      this.highest = pictureId;
      return pictureId;
    }
    const delta = pictureIdDelta(pictureId, this.highest, bits);
    const unwrapped = (this.highest + delta) & 0x7fff;
    if (delta > 0) this.highest = unwrapped;
    return unwrapped;
  }

  reset(): void {
    this.highest = -1;
  }
}

/** Looks into payloads as far as forwarding needs it: descriptor fields and keyframe starts. One in an engine. */
export class PayloadStage {
  readonly #vp8 = new Vp8Payload();

  /** Fills the payload fields of `packet`, whose payload is not empty. */
  describe(packet: IncomingPacket, codec: CodecKind, pictureIds: PictureIdUnwrapper): DropReason {
    switch (codec) {
      case CodecKind.VP8:
        return this.#describeVp8(packet, pictureIds);
      case CodecKind.VP9:
      case CodecKind.H264:
      case CodecKind.AV1:
        packet.keyframeStart = isKeyframeStart(codec, packet.view.bytes, packet.payloadStart, packet.payloadBytes);
        return DropReason.NONE;
      default:
        packet.keyframeStart = true;
        return DropReason.NONE;
    }
  }

  /** The descriptor alone, for sending a packet again. */
  describeDescriptor(packet: IncomingPacket, codec: CodecKind): void {
    if (codec !== CodecKind.VP8) return;
    if (!this.#vp8.set(packet.view.bytes, packet.payloadStart, packet.payloadBytes)) return;
    packet.descriptorBytes = this.#vp8.descriptorBytes;
    packet.descriptorOffset = packet.payloadStart;
  }

  #describeVp8(packet: IncomingPacket, pictureIds: PictureIdUnwrapper): DropReason {
    const vp8 = this.#vp8;
    const start = packet.payloadStart;
    if (!vp8.set(packet.view.bytes, start, packet.payloadBytes)) return DropReason.DESCRIPTOR_MALFORMED;
    packet.descriptorBytes = vp8.descriptorBytes;
    packet.descriptorOffset = start;
    packet.keyframeStart = vp8.keyframe;
    packet.frameStart = vp8.startOfFrame;
    packet.tl0PictureIndex = vp8.tl0PictureIndex;
    packet.temporalId = vp8.temporalId;
    packet.layerSync = vp8.layerSync;
    if (vp8.pictureId >= 0) packet.pictureId = pictureIds.unwrap(vp8.pictureId, vp8.pictureIdBits);
    return DropReason.NONE;
  }
}
