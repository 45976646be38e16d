import { isAv1KeyframeStart } from "./av1.ts";
import { CodecKind } from "./codec-kind.ts";
import { isH264KeyframeStart } from "./h264.ts";
import { isVp8KeyframeStart } from "./vp8.ts";
import { isVp9KeyframeStart } from "./vp9.ts";

/**
 * Whether a payload is the first packet of a keyframe, where a receiver can be switched to the stream. For codecs
 * without keyframes (audio) each packet is such a place; unknown video codecs never are.
 */
export function isKeyframeStart(codec: CodecKind, bytes: Uint8Array, offset: number, length: number): boolean {
  switch (codec) {
    case CodecKind.VP8:
      return isVp8KeyframeStart(bytes, offset, length);
    case CodecKind.VP9:
      return isVp9KeyframeStart(bytes, offset, length);
    case CodecKind.H264:
      return isH264KeyframeStart(bytes, offset, length);
    case CodecKind.AV1:
      return isAv1KeyframeStart(bytes, offset, length);
    case CodecKind.OPUS:
      return true;
    default:
      return false;
  }
}
