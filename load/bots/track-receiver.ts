import { SequenceUnwrapper, seqOf } from "@cation/rtp/sequence";
import { DecodeTracker } from "./decode-tracker.ts";

/** A lost packet is asked for again after this, and given up after … */
const NACK_INTERVAL_MS = 60;
const GIVE_UP_MS = 400;
/** Missing packets that are remembered; beyond it the oldest are given up. */
const MAX_MISSING = 256;

/** What a bot saw of one track. */
export interface ReceivedTrack {
  readonly trackId: string;
  readonly kind: "audio" | "video";
  readonly packets: number;
  readonly bytes: number;
  /** Never came, not even on demand. */
  readonly lostPackets: number;
  readonly recoveredPackets: number;
  readonly nacksSent: number;
  readonly keyframeRequestsSent: number;
  /** Frames that a decoder could have decoded: complete, and so is all since the last keyframe. */
  readonly decodableFrames: number;
  readonly keyframes: number;
  /** Times that a decoder would have stopped, until the next keyframe. */
  readonly interruptions: number;
  /** When the first decodable frame was there; undefined before. */
  readonly firstFrameAtMs: number | undefined;
  /** Longest time between two decodable frames. */
  readonly longestGapMs: number;
  /** Bits a second over the whole time. */
  readonly bitrateBps: number;
}

interface Missing {
  readonly sinceMs: number;
  askedAtMs: number;
}

/** One received stream: order, loss, and whether what came could be decoded. */
export class TrackReceiver {
  readonly trackId: string;
  readonly kind: "audio" | "video";
  readonly ssrc: number;
  readonly #unwrapper = new SequenceUnwrapper();
  readonly #missing = new Map<number, Missing>();
  readonly #decoder: DecodeTracker;
  #startedAtMs = -1;
  #packets = 0;
  #bytes = 0;
  #lost = 0;
  #recovered = 0;
  #nacks = 0;
  #keyframeRequests = 0;

  constructor(trackId: string, kind: "audio" | "video", ssrc: number) {
    this.trackId = trackId;
    this.kind = kind;
    this.ssrc = ssrc;
    this.#decoder = new DecodeTracker();
  }

  /** Highest sequence number, cycles included; -1 before the first. For receiver reports. */
  get highestSequence(): number {
    return this.#unwrapper.highest;
  }

  get lostPackets(): number {
    return this.#lost;
  }

  /** Takes a packet: its number, marker, and payload. `codec` is the name in SDP. */
  receive(sequence: number, marker: boolean, codec: string, payload: Uint8Array, nowMs: number): void {
    if (this.#startedAtMs < 0) this.#startedAtMs = nowMs;
    const before = this.#unwrapper.highest as number;
    const extended = this.#unwrapper.unwrap(sequence) as number;
    this.#packets += 1;
    this.#bytes += payload.length;
    if (this.#missing.delete(extended)) this.#recovered += 1;
    if (before >= 0) for (let lost = before + 1; lost < extended; lost++) this.#miss(lost, nowMs);
    this.#decoder.put(extended, marker, codec, payload, nowMs);
  }

  /** Numbers to ask for again now. */
  findNacks(nowMs: number): number[] {
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

  report(nowMs: number): ReceivedTrack {
    const elapsedMs = this.#startedAtMs < 0 ? 0 : nowMs - this.#startedAtMs;
    return {
      trackId: this.trackId,
      kind: this.kind,
      packets: this.#packets,
      bytes: this.#bytes,
      lostPackets: this.#lost,
      recoveredPackets: this.#recovered,
      nacksSent: this.#nacks,
      keyframeRequestsSent: this.#keyframeRequests,
      ...this.#decoder.report(nowMs),
      bitrateBps: elapsedMs > 0 ? (this.#bytes * 8_000) / elapsedMs : 0,
    };
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
