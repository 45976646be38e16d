/** What can be wrong with a session description. Stable: sent to clients. */
export type SdpErrorCode =
  /** Not a session description, or one that contradicts itself. */
  | "SDP_INVALID"
  /** Longer than is read. */
  | "SDP_TOO_LARGE"
  /** No ice-ufrag and ice-pwd. */
  | "SDP_NO_ICE"
  /** No usable certificate fingerprint. */
  | "SDP_NO_FINGERPRINT"
  /** Well formed, but asks for what this server does not do. */
  | "SDP_UNSUPPORTED"
  /** An answer whose m-lines are not those of the offer. */
  | "SDP_ANSWER_MISMATCH";

/** A session description from a client cannot be used. The message names the line or attribute, never its value. */
export class SdpError extends Error {
  readonly code: SdpErrorCode;

  constructor(code: SdpErrorCode, message: string) {
    super(message);
    this.name = "SdpError";
    this.code = code;
  }
}
