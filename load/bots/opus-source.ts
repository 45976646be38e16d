import type { MediaSource, SourcePacket } from "./media-source.ts";
import { SEND_TIME_BYTES, writeSendTime } from "./send-time.ts";

/** RFC 6716 §3.2.5: one frame, as many as its length says, padded. */
const CODE_3 = 3;
const ONE_PADDED_FRAME = 0x41;
const CODE_3_HEADER_BYTES = 3;

/** A recorded tone in Opus packets of 20 ms (RFC 7587), played in a loop, the send time as padding. */
export class OpusSource implements MediaSource {
  readonly clockRateHz = 48_000;
  readonly frameIntervalMs = 20;
  readonly #packets: readonly Uint8Array[];
  #next: number;
  #first = true;

  constructor(packets: readonly Uint8Array[], phase: number) {
    this.#packets = packets;
    this.#next = phase % packets.length;
  }

  requestKeyframe(): void {
    // Each packet can be decoded by itself.
  }

  nextFrame(nowUs: number): SourcePacket[] {
    const payload = withSendTime(this.#packets[this.#next], nowUs);
    this.#next = (this.#next + 1) % this.#packets.length;
    // RFC 3551 §4.1: the marker is set at the start of a talkspurt.
    const marker = this.#first;
    this.#first = false;
    return [{ payload, marker }];
  }
}

/** A packet of one frame (code 0) as one with padding (code 3); others stay as they are. */
function withSendTime(packet: Uint8Array, nowUs: number): Uint8Array {
  if ((packet[0] & 3) !== 0) return packet;
  const frameEnd = CODE_3_HEADER_BYTES + packet.length - 1;
  const padded = new Uint8Array(frameEnd + SEND_TIME_BYTES);
  padded[0] = packet[0] | CODE_3;
  padded[1] = ONE_PADDED_FRAME;
  padded[2] = SEND_TIME_BYTES;
  padded.set(packet.subarray(1), CODE_3_HEADER_BYTES);
  writeSendTime(padded, frameEnd, nowUs);
  return padded;
}
