/** Packets that wait for an earlier one; more mean that the earlier one was given up long ago. */
const MAX_WAITING = 1_024;
/** Between two requests for a keyframe while none comes. */
const KEYFRAME_REQUEST_INTERVAL_MS = 500;

interface WaitingPacket {
  readonly startOfFrame: boolean;
  readonly keyframe: boolean;
  readonly marker: boolean;
}

/**
 * Follows a stream as a decoder would: packets in order, frames complete, and an unbroken chain since the last keyframe.
 * Looks into VP8; of other video codecs every complete frame counts, and of audio every packet.
 */
export class DecodeTracker {
  readonly #waiting = new Map<number, WaitingPacket | undefined>();
  #next = -1;
  /** All packets since the last keyframe's first were there. */
  #chain = false;
  #inFrame = false;
  #frameIsKey = false;
  #frames = 0;
  #keyframes = 0;
  #interruptions = 0;
  #firstFrameAtMs: number | undefined;
  #lastFrameAtMs = 0;
  #longestGapMs = 0;
  #keyframeRequestedAtMs = Number.NEGATIVE_INFINITY;

  /** A packet, in any order. */
  put(number: number, marker: boolean, codec: string, payload: Uint8Array, nowMs: number): void {
    if (this.#next < 0) this.#next = number;
    if (number < this.#next || this.#waiting.size >= MAX_WAITING) return;
    this.#waiting.set(number, describe(codec, payload, marker));
    this.#advance(nowMs);
  }

  /** A packet will not come any more. */
  skip(number: number, nowMs: number): void {
    if (this.#next < 0 || number < this.#next) return;
    this.#waiting.set(number, undefined);
    this.#advance(nowMs);
  }

  /** Whether a keyframe is needed and has not been asked for just now. */
  takeKeyframeRequest(nowMs: number): boolean {
    if (this.#next < 0 || this.#chain || nowMs - this.#keyframeRequestedAtMs < KEYFRAME_REQUEST_INTERVAL_MS)
      return false;
    this.#keyframeRequestedAtMs = nowMs;
    return true;
  }

  report(nowMs: number) {
    const silentMs = this.#firstFrameAtMs === undefined ? 0 : nowMs - this.#lastFrameAtMs;
    return {
      decodableFrames: this.#frames,
      keyframes: this.#keyframes,
      interruptions: this.#interruptions,
      firstFrameAtMs: this.#firstFrameAtMs,
      longestGapMs: Math.max(this.#longestGapMs, silentMs),
    };
  }

  #advance(nowMs: number): void {
    while (this.#waiting.has(this.#next)) {
      const packet = this.#waiting.get(this.#next);
      this.#waiting.delete(this.#next);
      this.#next += 1;
      if (packet) this.#decode(packet, nowMs);
      else this.#break();
    }
  }

  #decode(packet: WaitingPacket, nowMs: number): void {
    if (packet.startOfFrame) {
      this.#inFrame = true;
      this.#frameIsKey = packet.keyframe;
      if (packet.keyframe) this.#chain = true;
    }
    if (!packet.marker) return;
    if (this.#chain && this.#inFrame) this.#count(nowMs);
    this.#inFrame = false;
  }

  #count(nowMs: number): void {
    this.#frames += 1;
    if (this.#frameIsKey) this.#keyframes += 1;
    if (this.#firstFrameAtMs === undefined) this.#firstFrameAtMs = nowMs;
    else this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastFrameAtMs);
    this.#lastFrameAtMs = nowMs;
  }

  #break(): void {
    if (this.#chain) this.#interruptions += 1;
    this.#chain = false;
    this.#inFrame = false;
  }
}

function describe(codec: string, payload: Uint8Array, marker: boolean): WaitingPacket {
  switch (codec.toLowerCase()) {
    case "vp8":
      return describeVp8(payload, marker);
    case "opus":
      return { startOfFrame: true, keyframe: true, marker: true };
    default:
      return { startOfFrame: true, keyframe: true, marker };
  }
}

/** RFC 7741 §4.2, §4.3: the descriptor's length, its S bit and partition index, and P of the payload header. */
function describeVp8(payload: Uint8Array, marker: boolean): WaitingPacket {
  let position = 1;
  if ((payload[0] & 0x80) !== 0) {
    const extensions = payload[1];
    position = 2;
    if ((extensions & 0x80) !== 0) position += (payload[position] & 0x80) !== 0 ? 2 : 1;
    if ((extensions & 0x40) !== 0) position += 1;
    if ((extensions & 0x30) !== 0) position += 1;
  }
  const startOfFrame = (payload[0] & 0x1f) === 0x10;
  return { startOfFrame, keyframe: startOfFrame && (payload[position] & 1) === 0, marker };
}
