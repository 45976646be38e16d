import {
  FEEDBACK_HEADER_BYTES,
  feedbackMediaSsrc,
  feedbackSenderSsrc,
  isFeedback,
  writeFeedbackHeader,
} from "./rtcp-header.ts";
import { PayloadFeedbackFormat, RtcpType } from "./rtcp-reader.ts";
import type { Ssrc } from "./units.ts";

/** Length of a picture loss indication. */
export const PLI_BYTES = FEEDBACK_HEADER_BYTES;

/** Reads a picture loss indication where it lies (RFC 4585 §6.3.1). */
export class PliReader {
  senderSsrc = 0 as Ssrc;
  /** The stream that is asked for a keyframe. */
  mediaSsrc = 0 as Ssrc;

  /** False where none lies there. */
  set(bytes: Uint8Array, offset: number, length: number): boolean {
    const type = RtcpType.PAYLOAD_FEEDBACK;
    if (!isFeedback(bytes, offset, length, type, PayloadFeedbackFormat.PLI, PLI_BYTES)) return false;
    this.senderSsrc = feedbackSenderSsrc(bytes, offset);
    this.mediaSsrc = feedbackMediaSsrc(bytes, offset);
    return true;
  }
}

/** Writes a picture loss indication. Returns the offset after it, or -1 when it does not fit. */
export function writePli(target: Uint8Array, offset: number, senderSsrc: Ssrc, mediaSsrc: Ssrc): number {
  if (offset + PLI_BYTES > target.length) return -1;
  const type = RtcpType.PAYLOAD_FEEDBACK;
  writeFeedbackHeader(target, offset, PayloadFeedbackFormat.PLI, type, PLI_BYTES, senderSsrc, mediaSsrc);
  return offset + PLI_BYTES;
}
