import { Vp9Payload, isVp9KeyframeStart } from "@cation/rtp/payload/vp9";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import type { Corpus } from "./corpus.ts";

/** VP9 payload descriptors. */
export function vp9(corpus: Corpus): FuzzTarget {
  const payload = new Vp9Payload();
  const digest = new Digest();
  return {
    name: "vp9",
    seeds: corpus.payloads("video/VP9"),
    read(bytes, offset, length) {
      const starts = isVp9KeyframeStart(bytes, offset, length);
      if (!payload.set(bytes, offset, length)) return REFUSED;
      if (starts !== payload.keyframe) throw new Error("keyframe or not");
      digest.start(offset, offset + length);
      digest.range(bytes, offset, payload.descriptorBytes);
      digest.number(payload.pictureId);
      digest.offset(payload.pictureIdOffset, payload.pictureIdBits === 15 ? 2 : 1);
      digest.number(payload.tl0PictureIndex);
      digest.offset(payload.tl0PictureIndexOffset, 1);
      digest.number(payload.temporalId * 8 + payload.spatialId);
      digest.flag(payload.startOfFrame);
      digest.flag(payload.endOfFrame);
      digest.flag(payload.switchingUp);
      digest.flag(payload.interLayerPredicted);
      digest.flag(payload.keyframe);
      for (let i = 0; i < payload.referenceCount; i++) digest.number(payload.references[i]);
      if (!payload.hasScalabilityStructure) return digest.value;
      for (let i = 0; i < payload.spatialLayerCount; i++)
        digest.number(payload.widths[i] * 65_536 + payload.heights[i]);
      for (let i = 0; i < payload.groupSize; i++) {
        digest.number(payload.groupTemporalIds[i] * 2 + payload.groupSwitchingUp[i]);
      }
      return digest.value;
    },
  };
}
