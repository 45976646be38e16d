import { Vp8Payload, isVp8KeyframeStart } from "@cation/rtp/payload/vp8";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

/** VP8 payload descriptors and keyframe headers. */
export function vp8(corpus: Corpus): FuzzTarget {
  const payload = new Vp8Payload();
  const digest = new Digest();
  return {
    name: "vp8",
    seeds: corpus.payloads("video/VP8"),
    read(bytes, offset, length) {
      const starts = isVp8KeyframeStart(bytes, offset, length);
      if (!payload.set(bytes, offset, length)) {
        if (starts) throw new Error("a keyframe starts in a refused payload");
        return REFUSED;
      }
      if (starts !== payload.keyframe) throw new Error("keyframe or not");
      digest.start(offset, offset + length);
      digest.range(bytes, offset, payload.descriptorBytes);
      digest.number(payload.pictureId);
      digest.offset(payload.pictureIdOffset, payload.pictureIdBits === 15 ? 2 : 1);
      digest.number(payload.tl0PictureIndex);
      digest.offset(payload.tl0PictureIndexOffset, 1);
      digest.number(payload.temporalId);
      digest.number(payload.keyIndex);
      digest.offset(payload.layerOffset, 1);
      digest.flag(payload.layerSync);
      digest.flag(payload.hasTemporalId);
      digest.flag(payload.nonReference);
      digest.flag(payload.startOfFrame);
      digest.number(payload.width);
      digest.number(payload.height);
      return digest.value;
    },
  };
}
