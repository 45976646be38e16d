/** A codec as one transport negotiated it: what SDP calls an rtpmap with its fmtp and feedback. */
export interface CodecParameters {
  /** 0 … 127, this transport's own number. */
  readonly payloadType: number;
  /** For example "video/VP8", "audio/opus"; compared without case. */
  readonly mimeType: string;
  readonly clockRateHz: number;
  /** Audio channels; 0 for video. */
  readonly channels: number;
  /** The fmtp value, for example "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"; may be empty. */
  readonly fmtp: string;
  /** Payload type of its RTX (RFC 4588); 0 when none was negotiated. */
  readonly rtxPayloadType: number;
  /** RTCP feedback that was negotiated for it (RFC 4585, RFC 5104). */
  readonly feedback: {
    readonly nack: boolean;
    readonly pli: boolean;
    readonly fir: boolean;
    readonly remb: boolean;
    readonly transportCc: boolean;
  };
}
