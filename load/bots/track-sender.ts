import { AUDIO_LEVEL_ID, OPUS_PAYLOAD_TYPE, VP8_PAYLOAD_TYPE } from "./bot-sdp.ts";
import { rolloverOf, seqDelta, seqOf } from "@cation/rtp/sequence";
import { RTP_FIXED_HEADER_BYTES, writeRtpHeader } from "@cation/rtp/rtp-writer";
import type { BotTransport } from "./bot-transport.ts";
import type { MediaSource } from "./vp8-source.ts";

/** Sent packets that can be sent again: half a second of video at least. */
const REMEMBERED_PACKETS = 256;
/** Frames that are made up for after a pause of the process; more are skipped. */
const MAX_BACKLOG = 5;
/** −dBov of the recorded tone, and V for voice (RFC 6464 §3). */
const AUDIO_LEVEL = 0x80 | 24;

interface SentPacket {
  readonly number: number;
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/** One outgoing stream: frames of a source at their pace, numbers, timestamps, repetition on NACK. */
export class TrackSender {
  readonly mid: string;
  readonly kind: "audio" | "video";
  readonly ssrc: number;
  packets = 0;
  bytes = 0;
  resentPackets = 0;
  /** Answered with a keyframe. */
  keyframeRequests = 0;
  readonly #source: MediaSource;
  readonly #firstTimestamp: number;
  readonly #sent: (SentPacket | undefined)[] = Array.from({ length: REMEMBERED_PACKETS });
  #number: number;
  #frames = 0;
  #startedAtMs = -1;

  constructor(mid: string, kind: "audio" | "video", ssrc: number, source: MediaSource, random: () => number) {
    this.mid = mid;
    this.kind = kind;
    this.ssrc = ssrc;
    this.#source = source;
    // Below 2^15, so that a receiver cannot mistake the first cycle (RFC 3711 §3.3.1).
    this.#number = Math.floor(random() * 0x8000);
    this.#firstTimestamp = Math.floor(random() * 2 ** 32);
  }

  /** Sends the frames that are due. */
  tick(transport: BotTransport, nowMs: number): void {
    if (!transport.connected) return;
    if (this.#startedAtMs < 0) this.#startedAtMs = nowMs;
    const due = Math.floor((nowMs - this.#startedAtMs) / this.#source.frameIntervalMs) + 1;
    if (due - this.#frames > MAX_BACKLOG) this.#frames = due - 1;
    for (; this.#frames < due; this.#frames++) this.#sendFrame(transport);
  }

  requestKeyframe(): void {
    this.keyframeRequests += 1;
    this.#source.requestKeyframe();
  }

  /** Sends a packet again, byte for byte. */
  resend(transport: BotTransport, sequence: number): void {
    const number = this.#number - 1 + seqDelta(sequence, seqOf(this.#number - 1));
    const sent = this.#sent[number % REMEMBERED_PACKETS];
    if (sent?.number !== number) return;
    transport.sendRtp(sent.header, sent.payload, rolloverOf(number));
    this.resentPackets += 1;
  }

  /** RTP time of an instant, for sender reports; undefined before the first frame. */
  timestampAt(nowMs: number): number | undefined {
    if (this.#startedAtMs < 0) return undefined;
    return this.#timestamp((nowMs - this.#startedAtMs) / this.#source.frameIntervalMs);
  }

  #timestamp(frame: number): number {
    const ticks = Math.round((frame * this.#source.frameIntervalMs * this.#source.clockRateHz) / 1_000);
    return (this.#firstTimestamp + ticks) % 2 ** 32;
  }

  #sendFrame(transport: BotTransport): void {
    const timestamp = this.#timestamp(this.#frames);
    for (const { payload, marker } of this.#source.nextFrame()) {
      const number = this.#number++;
      const header = this.#writeHeader(number, timestamp, marker);
      this.#sent[number % REMEMBERED_PACKETS] = { number, header, payload };
      transport.sendRtp(header, payload, rolloverOf(number));
      this.packets += 1;
      this.bytes += payload.length;
    }
  }

  #writeHeader(number: number, timestamp: number, marker: boolean): Uint8Array {
    const isAudio = this.kind === "audio";
    const header = new Uint8Array(RTP_FIXED_HEADER_BYTES + (isAudio ? AUDIO_EXTENSION.length : 0));
    const payloadType = isAudio ? OPUS_PAYLOAD_TYPE : VP8_PAYLOAD_TYPE;
    writeRtpHeader(header, 0, payloadType, marker, seqOf(number), timestamp, this.ssrc, isAudio);
    if (isAudio) header.set(AUDIO_EXTENSION, RTP_FIXED_HEADER_BYTES);
    return header;
  }
}

/** One-byte form, one element of one byte, padded (RFC 8285 §4.2). */
const AUDIO_EXTENSION = Uint8Array.of(0xbe, 0xde, 0, 1, AUDIO_LEVEL_ID << 4, AUDIO_LEVEL, 0, 0);
