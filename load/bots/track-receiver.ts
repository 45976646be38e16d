import { SequenceUnwrapper, seqOf } from "@cation/rtp/sequence";
import { DecodeTracker } from "./decode-tracker.ts";
import type { FrameHistory } from "./frame-history.ts";
import { readSendTime } from "./send-time.ts";

/** A lost packet is asked for again after this, and given up after … */
const NACK_INTERVAL_MS = 60;
const GIVE_UP_MS = 400;
/** Missing packets that are remembered; beyond it the oldest are given up. */
const MAX_MISSING = 256;
/** Latencies of one interval that are kept: what comes beyond overwrites the oldest. */
const MAX_LATENCIES = 64;
const CLOCK_RATE_KHZ = { audio: 48, video: 90 } as const;
const NONE: readonly number[] = [];

/** What a bot saw of one track. */
export interface ReceivedTrack {
  readonly trackId: string;
  readonly kind: "audio" | "video";
  readonly packets: number;
  readonly bytes: number;
  /** Never came, not even on demand. */
  readonly lostPackets: number;
  readonly recoveredPackets: number;
  /** Came once more, as repetitions and probes do. */
  readonly duplicatePackets: number;
  readonly nacksSent: number;
  readonly keyframeRequestsSent: number;
  /** Frames that a decoder could have decoded: complete, and so is all since the last keyframe. */
  readonly decodableFrames: number;
  readonly keyframes: number;
  /** Times that a decoder would have stopped, until the next keyframe. */
  readonly interruptions: number;
  /** Pauses that somebody watching notices, and their time (W3C webrtc-stats, freezeCount). */
  readonly freezes: number;
  readonly freezeMs: number;
  /** Of the picture, where the codec says so; else 0. */
  readonly height: number;
  /** When the first decodable frame was there; undefined before. */
  readonly firstFrameAtMs: number | undefined;
  /** Longest time between two decodable frames. */
  readonly longestGapMs: number;
  /** Interarrival jitter (RFC 3550 §6.4.1). */
  readonly jitterMs: number;
  /** Bits a second over the whole time. */
  readonly bitrateBps: number;
}

/** What came since the interval before. */
export interface TrackInterval {
  readonly kind: "audio" | "video";
  readonly packets: number;
  readonly bytes: number;
  readonly lost: number;
  readonly recovered: number;
  readonly frames: number;
  readonly freezes: number;
  readonly freezeMs: number;
  readonly jitterMs: number;
  readonly height: number;
  /** From the publisher's sending to here, of up to 64 frames; empty where the publisher is no bot of this machine. */
  readonly latenciesMs: readonly number[];
}

interface Missing {
  readonly sinceMs: number;
  askedAtMs: number;
}

const ZERO = { packets: 0, bytes: 0, lost: 0, recovered: 0, frames: 0, freezes: 0, freezeMs: 0 };

/** One received stream: order, loss, jitter, latency, and whether what came could be decoded. */
export class TrackReceiver {
  readonly trackId: string;
  readonly kind: "audio" | "video";
  readonly ssrc: number;
  readonly #unwrapper = new SequenceUnwrapper();
  readonly #missing = new Map<number, Missing>();
  readonly #decoder: DecodeTracker;
  readonly #latenciesMs = new Float64Array(MAX_LATENCIES);
  #latencies = 0;
  #startedAtMs = -1;
  #first = -1;
  #packets = 0;
  #bytes = 0;
  #lost = 0;
  #recovered = 0;
  #duplicates = 0;
  #nacks = 0;
  #keyframeRequests = 0;
  /** In RTP ticks. */
  #jitter = 0;
  #transit = 0;
  #before = ZERO;
  #reported = { expected: 0, lost: 0 };

  /** `history` is told when each decodable frame was there. */
  constructor(trackId: string, kind: "audio" | "video", ssrc: number, history?: FrameHistory) {
    this.trackId = trackId;
    this.kind = kind;
    this.ssrc = ssrc;
    this.#decoder = new DecodeTracker(history);
  }

  /** Highest sequence number, cycles included; -1 before the first. For receiver reports. */
  get highestSequence(): number {
    return this.#unwrapper.highest;
  }

  get lostPackets(): number {
    return this.#lost;
  }

  /** Interarrival jitter in RTP ticks. */
  get jitter(): number {
    return Math.round(this.#jitter);
  }

  /** Whether something is missing or a keyframe may be needed: else there is no feedback to give. */
  get wantsFeedback(): boolean {
    return this.#missing.size > 0 || this.kind === "video";
  }

  /**
   * Takes a packet: number and RTP time, marker, payload from `start` to `end` (empty for padding), and when it arrived.
   * `codec` is its name in lower case. `repeated` says that it came by RTX.
   */
  receive(
    sequence: number,
    timestamp: number,
    marker: boolean,
    codec: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    nowMs: number,
    repeated = false,
  ): void {
    const before = this.#unwrapper.highest as number;
    // A repetition of what was sent before we listened is none of ours.
    if (repeated && before < 0) return;
    const extended = this.#unwrapper.unwrap(sequence) as number;
    if (before < 0) {
      this.#startedAtMs = nowMs;
      this.#first = extended;
    } else if (extended > before) {
      for (let lost = before + 1; lost < extended; lost++) this.#miss(lost, nowMs);
    } else if (this.#missing.delete(extended)) {
      this.#recovered += 1;
    } else {
      this.#duplicates += 1;
      return;
    }
    this.#packets += 1;
    this.#bytes += end - start;
    if (!repeated) this.#noteArrival(timestamp, nowMs);
    if (marker || this.kind === "audio") this.#noteLatency(bytes, start, end, nowMs);
    this.#decoder.put(extended, marker, codec, bytes, start, end, nowMs);
  }

  /** Numbers to ask for again now. */
  findNacks(nowMs: number): readonly number[] {
    if (this.#missing.size === 0) return NONE;
    const wanted: number[] = [];
    for (const [number, missing] of this.#missing) {
      if (nowMs - missing.sinceMs > GIVE_UP_MS) {
        this.#giveUp(number, nowMs);
      } else if (nowMs - missing.askedAtMs >= NACK_INTERVAL_MS) {
        missing.askedAtMs = nowMs;
        wanted.push(seqOf(number));
      }
    }
    this.#nacks += wanted.length;
    return wanted;
  }

  /** Whether a keyframe has to be asked for now. */
  needsKeyframe(nowMs: number): boolean {
    if (this.kind !== "video" || !this.#decoder.takeKeyframeRequest(nowMs)) return false;
    this.#keyframeRequests += 1;
    return true;
  }

  /** Loss since the last call, in 1/256, as receiver reports want it (RFC 3550 §6.4.1). */
  takeFractionLost(): number {
    const expected = this.#first < 0 ? 0 : this.highestSequence - this.#first + 1;
    const newlyExpected = expected - this.#reported.expected;
    const newlyLost = this.#lost - this.#reported.lost;
    this.#reported = { expected, lost: this.#lost };
    return newlyExpected > 0 ? Math.min(255, Math.max(0, Math.floor((256 * newlyLost) / newlyExpected))) : 0;
  }

  /** What came since the last call. */
  takeInterval(nowMs: number): TrackInterval {
    this.#decoder.check(nowMs);
    const { frames, freezes, freezeMs, height } = this.#decoder;
    const now = {
      packets: this.#packets,
      bytes: this.#bytes,
      lost: this.#lost,
      recovered: this.#recovered,
      frames,
      freezes,
      freezeMs,
    };
    const { kind } = this;
    const before = this.#before;
    this.#before = now;
    const latenciesMs = Array.from(this.#latenciesMs.subarray(0, Math.min(this.#latencies, MAX_LATENCIES)));
    this.#latencies = 0;
    return {
      kind,
      packets: now.packets - before.packets,
      bytes: now.bytes - before.bytes,
      lost: now.lost - before.lost,
      recovered: now.recovered - before.recovered,
      frames: frames - before.frames,
      freezes: freezes - before.freezes,
      freezeMs: freezeMs - before.freezeMs,
      jitterMs: this.#jitterMs(),
      height,
      latenciesMs,
    };
  }

  report(nowMs: number): ReceivedTrack {
    const elapsedMs = this.#startedAtMs < 0 ? 0 : nowMs - this.#startedAtMs;
    return {
      trackId: this.trackId,
      kind: this.kind,
      packets: this.#packets,
      bytes: this.#bytes,
      lostPackets: this.#lost,
      recoveredPackets: this.#recovered,
      duplicatePackets: this.#duplicates,
      nacksSent: this.#nacks,
      keyframeRequestsSent: this.#keyframeRequests,
      ...this.#decoder.report(nowMs),
      jitterMs: this.#jitterMs(),
      bitrateBps: elapsedMs > 0 ? (this.#bytes * 8_000) / elapsedMs : 0,
    };
  }

  #jitterMs(): number {
    return this.#jitter / CLOCK_RATE_KHZ[this.kind];
  }

  /** RFC 3550 §A.8. */
  #noteArrival(timestamp: number, nowMs: number): void {
    const transit = ((nowMs * CLOCK_RATE_KHZ[this.kind]) % 2 ** 32) - timestamp;
    const change = Math.abs(Math.trunc(transit - this.#transit) | 0);
    this.#transit = transit;
    if (this.#packets > 1) this.#jitter += (change - this.#jitter) / 16;
  }

  #noteLatency(bytes: Uint8Array, start: number, end: number, nowMs: number): void {
    const sentMs = readSendTime(bytes, start, end) / 1_000;
    if (sentMs < 0) return;
    this.#latenciesMs[this.#latencies % MAX_LATENCIES] = nowMs - sentMs;
    this.#latencies += 1;
  }

  #miss(number: number, nowMs: number): void {
    this.#missing.set(number, { sinceMs: nowMs, askedAtMs: Number.NEGATIVE_INFINITY });
    const [oldest] = this.#missing.keys();
    if (this.#missing.size > MAX_MISSING && oldest !== undefined) this.#giveUp(oldest, nowMs);
  }

  #giveUp(number: number, nowMs: number): void {
    this.#missing.delete(number);
    this.#lost += 1;
    this.#decoder.skip(number, nowMs);
  }
}
