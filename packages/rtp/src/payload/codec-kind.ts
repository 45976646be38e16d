/** Codecs that the packet path tells apart, as small integers. Everything else is forwarded unexamined. */
export const CodecKind = {
  UNKNOWN: 0,
  VP8: 1,
  VP9: 2,
  H264: 3,
  AV1: 4,
  OPUS: 5,
  /** RFC 2198, audio or video. */
  RED: 6,
  /** RFC 4588. */
  RTX: 7,
} as const;
export type CodecKind = (typeof CodecKind)[keyof typeof CodecKind];

/** The kind of an SDP encoding such as "video/VP8"; case does not matter. For set-up, not per packet. */
export function codecKindOf(mimeType: string): CodecKind {
  switch (mimeType.toLowerCase()) {
    case "video/vp8":
      return CodecKind.VP8;
    case "video/vp9":
      return CodecKind.VP9;
    case "video/h264":
      return CodecKind.H264;
    case "video/av1":
      return CodecKind.AV1;
    case "audio/opus":
      return CodecKind.OPUS;
    case "audio/red":
    case "video/red":
      return CodecKind.RED;
    case "audio/rtx":
    case "video/rtx":
      return CodecKind.RTX;
    default:
      return CodecKind.UNKNOWN;
  }
}
