/** RTP header extensions that the engine understands, by the name that the code uses. */
export const HEADER_EXTENSION_URIS = {
  mid: "urn:ietf:params:rtp-hdrext:sdes:mid",
  rid: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  repairedRid: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
  audioLevel: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
  absSendTime: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
  transportCc: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
  absCaptureTime: "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
  dependencyDescriptor: "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
  videoOrientation: "urn:3gpp:video-orientation",
  playoutDelay: "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
} as const;

export type HeaderExtensionName = keyof typeof HEADER_EXTENSION_URIS;

/** Id of each extension on one transport (RFC 8285: 1 … 14 one-byte, up to 255 two-byte); 0 where not negotiated. */
export type HeaderExtensionIds = Readonly<Record<HeaderExtensionName, number>>;

export const NO_HEADER_EXTENSIONS: HeaderExtensionIds = {
  mid: 0,
  rid: 0,
  repairedRid: 0,
  audioLevel: 0,
  absSendTime: 0,
  transportCc: 0,
  absCaptureTime: 0,
  dependencyDescriptor: 0,
  videoOrientation: 0,
  playoutDelay: 0,
};
