import { SdpError } from "@cation/webrtc/sdp/sdp-error";
import type { SdpErrorCode } from "@cation/webrtc/sdp/sdp-error";
import { CodedError } from "@cation/service-kit/coded-error";
import type { ErrorCode } from "@cation/service-kit/coded-error";

const CODES: Readonly<Record<SdpErrorCode, ErrorCode>> = {
  SDP_INVALID: "SDP_INVALID",
  SDP_TOO_LARGE: "MESSAGE_TOO_LARGE",
  SDP_NO_ICE: "SDP_NO_ICE",
  SDP_NO_FINGERPRINT: "SDP_NO_FINGERPRINT",
  SDP_UNSUPPORTED: "SDP_UNSUPPORTED",
  SDP_ANSWER_MISMATCH: "SDP_INVALID",
};

/** Runs what reads a client's session description; what is wrong with it becomes a CodedError for the client. */
export function readSdp<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SdpError) throw new CodedError(CODES[error.code], error.message, { cause: error });
    throw error;
  }
}
