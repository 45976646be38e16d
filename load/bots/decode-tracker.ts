import type { FrameHistory } from "./frame-history.ts";

/** Packets that wait for an earlier one; more mean that the earlier one was given up long ago. */
const MAX_WAITING = 1_024;
/** Between two requests for a keyframe while none comes. */
const KEYFRAME_REQUEST_INTERVAL_MS = 500;
/** Weight of the newest interval in the mean: about thirty count. */
const MEAN_WEIGHT = 1 / 30;
const FIRST_MEAN_MS = 50;

/** What a packet is to a decoder, as bits. */
const START = 1;
const KEY = 2;
const MARKER = 4;
/** Padding: there, and nothing in it. */
const EMPTY = 8;
/** Will not come. */
const LOST = 16;

/**
 * Follows a stream as a decoder would: packets in order, frames complete, and an unbroken chain since the last keyframe.
 * Looks into VP8; of other video codecs every complete frame counts, and of audio every packet.
 */
export class DecodeTracker {
  /** Frames that could be decoded. */
  frames = 0;
  keyframes = 0;
  interruptions = 0;
  /** Intervals between frames that somebody watching calls a freeze (W3C webrtc-stats, freezeCount). */
  freezes = 0;
  freezeMs = 0;
  /** Of the last keyframe; 0 where not known. */
  height = 0;
  readonly #history: FrameHistory | undefined;
  readonly #waiting = new Map<number, number>();
  #next = -1;
  /** All packets since the last keyframe's first were there. */
  #chain = false;
  #inFrame = false;
  #frameIsKey = false;
  #firstFrameAtMs: number | undefined;
  #lastFrameAtMs = -1;
  #longestGapMs = 0;
  #meanIntervalMs = FIRST_MEAN_MS;
  /** Up to when a freeze that has not ended is counted; -1 without one. */
  #frozenUntilMs = -1;
  #keyframeRequestedAtMs = Number.NEGATIVE_INFINITY;

  /**
   * `history` is told when each frame was there. Where it holds frames of an earlier connection, this stream goes on from
   * them: the time between counts as a freeze where it is one.
   */
  constructor(history?: FrameHistory) {
    this.#history = history;
    if (history) this.#lastFrameAtMs = history.lastMs;
  }

  /** A packet, in any order: `codec` in lower case, its payload from `start` to `end`. */
  put(
    number: number,
    marker: boolean,
    codec: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    nowMs: number,
  ): void {
    if (this.#next < 0) this.#next = number;
    if (number < this.#next || this.#waiting.size >= MAX_WAITING) return;
    const flags = this.#describe(codec, bytes, start, end) | (marker ? MARKER : 0);
    if (number === this.#next) {
      this.#next += 1;
      this.#decode(flags, nowMs);
      if (this.#waiting.size > 0) this.#advance(nowMs);
    } else {
      this.#waiting.set(number, flags);
    }
  }

  /** A packet will not come any more. */
  skip(number: number, nowMs: number): void {
    if (this.#next < 0 || number < this.#next) return;
    this.#waiting.set(number, LOST);
    this.#advance(nowMs);
  }

  /** Whether a keyframe is needed and has not been asked for just now. */
  takeKeyframeRequest(nowMs: number): boolean {
    if (this.#next < 0 || this.#chain || nowMs - this.#keyframeRequestedAtMs < KEYFRAME_REQUEST_INTERVAL_MS)
      return false;
    this.#keyframeRequestedAtMs = nowMs;
    return true;
  }

  /** Notices a freeze that lasts. */
  check(nowMs: number): void {
    if (this.#lastFrameAtMs >= 0 && this.#isFreeze(nowMs - this.#lastFrameAtMs)) this.#countFreeze(nowMs);
  }

  report(nowMs: number) {
    const silentMs = this.#firstFrameAtMs === undefined ? 0 : nowMs - this.#lastFrameAtMs;
    return {
      decodableFrames: this.frames,
      keyframes: this.keyframes,
      interruptions: this.interruptions,
      freezes: this.freezes,
      freezeMs: this.freezeMs,
      height: this.height,
      firstFrameAtMs: this.#firstFrameAtMs,
      longestGapMs: Math.max(this.#longestGapMs, silentMs),
    };
  }

  #advance(nowMs: number): void {
    for (;;) {
      const flags = this.#waiting.get(this.#next);
      if (flags === undefined) return;
      this.#waiting.delete(this.#next);
      this.#next += 1;
      if (flags === LOST) this.#break();
      else this.#decode(flags, nowMs);
    }
  }

  #decode(flags: number, nowMs: number): void {
    if ((flags & EMPTY) !== 0) return;
    if ((flags & START) !== 0) {
      this.#inFrame = true;
      this.#frameIsKey = (flags & KEY) !== 0;
      if (this.#frameIsKey) this.#chain = true;
    }
    if ((flags & MARKER) === 0) return;
    if (this.#chain && this.#inFrame) this.#count(nowMs);
    this.#inFrame = false;
  }

  #count(nowMs: number): void {
    this.frames += 1;
    if (this.#frameIsKey) this.keyframes += 1;
    // While a bot moves, the old connection may still bring frames.
    const lastMs = this.#firstFrameAtMs === undefined ? (this.#history?.lastMs ?? -1) : this.#lastFrameAtMs;
    this.#history?.note(nowMs);
    if (lastMs >= 0 && this.#isFreeze(nowMs - lastMs)) {
      this.#lastFrameAtMs = lastMs;
      this.#countFreeze(nowMs);
    }
    if (this.#firstFrameAtMs === undefined) {
      this.#firstFrameAtMs = nowMs;
    } else {
      const intervalMs = nowMs - this.#lastFrameAtMs;
      this.#longestGapMs = Math.max(this.#longestGapMs, intervalMs);
      this.#meanIntervalMs += (intervalMs - this.#meanIntervalMs) * MEAN_WEIGHT;
    }
    this.#frozenUntilMs = -1;
    this.#lastFrameAtMs = nowMs;
  }

  #countFreeze(nowMs: number): void {
    if (this.#frozenUntilMs < 0) this.freezes += 1;
    this.freezeMs += nowMs - Math.max(this.#lastFrameAtMs, this.#frozenUntilMs);
    this.#frozenUntilMs = nowMs;
  }

  /** At least three times the mean, and 150 ms more than it. */
  #isFreeze(intervalMs: number): boolean {
    return intervalMs > Math.max(3 * this.#meanIntervalMs, this.#meanIntervalMs + 150);
  }

  #break(): void {
    if (this.#chain) this.interruptions += 1;
    this.#chain = false;
    this.#inFrame = false;
  }

  #describe(codec: string, bytes: Uint8Array, start: number, end: number): number {
    if (start >= end) return EMPTY;
    if (codec === "vp8") return this.#describeVp8(bytes, start, end);
    return codec === "opus" ? START | KEY | MARKER : START | KEY;
  }

  /** RFC 7741 §4.2, §4.3: the descriptor's length, its S bit and partition index, and P of the payload header. */
  #describeVp8(bytes: Uint8Array, start: number, end: number): number {
    const first = bytes[start];
    if ((first & 0x1f) !== 0x10) return 0;
    let position = start + 1;
    if ((first & 0x80) !== 0) {
      const extensions = bytes[start + 1];
      position = start + 2;
      if ((extensions & 0x80) !== 0) position += (bytes[position] & 0x80) !== 0 ? 2 : 1;
      if ((extensions & 0x40) !== 0) position += 1;
      if ((extensions & 0x30) !== 0) position += 1;
    }
    if ((bytes[position] & 1) !== 0) return START;
    // RFC 6386 §9.1: the tag, the start code, width and height.
    if (position + 10 <= end) this.height = (bytes[position + 8] | (bytes[position + 9] << 8)) & 0x3fff;
    return START | KEY;
  }
}
