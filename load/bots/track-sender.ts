import { AUDIO_LEVEL_ID, MID_ID, OPUS_PAYLOAD_TYPE, RID_ID, VP8_PAYLOAD_TYPE } from "./bot-sdp.ts";
import { rolloverOf, seqDelta, seqOf } from "@cation/rtp/sequence";
import { RTP_FIXED_HEADER_BYTES, writeRtpHeader } from "@cation/rtp/rtp-writer";
import type { BotTransport } from "./bot-transport.ts";
import type { MediaSource } from "./media-source.ts";

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

/** Where an outgoing stream belongs. */
export interface TrackSenderOptions {
  readonly mid: string;
  readonly kind: "audio" | "video";
  /** Of a simulcast encoding; empty without simulcast. */
  readonly rid: string;
}

/** One outgoing stream: frames of a source at their pace, numbers, timestamps, repetition on NACK. */
export class TrackSender {
  readonly mid: string;
  readonly kind: "audio" | "video";
  readonly rid: string;
  readonly ssrc: number;
  packets = 0;
  bytes = 0;
  resentPackets = 0;
  /** Answered with a keyframe. */
  keyframeRequests = 0;
  readonly #extension: Uint8Array;
  readonly #source: MediaSource;
  readonly #firstTimestamp: number;
  readonly #sent: (SentPacket | undefined)[] = Array.from({ length: REMEMBERED_PACKETS });
  #number: number;
  #frames = 0;
  #startedAtMs = -1;

  /** `random` is uniform in 0 … 1. */
  constructor({ mid, kind, rid }: TrackSenderOptions, source: MediaSource, random: () => number) {
    this.mid = mid;
    this.kind = kind;
    this.rid = rid;
    this.ssrc = Math.floor(1 + random() * 0xffff_fffe);
    this.#extension = kind === "audio" ? AUDIO_EXTENSION : rid === "" ? NO_EXTENSION : writeStreamNames(mid, rid);
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
    for (; this.#frames < due; this.#frames++) this.#sendFrame(transport, nowMs * 1_000);
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

  #sendFrame(transport: BotTransport, nowUs: number): void {
    const timestamp = this.#timestamp(this.#frames);
    for (const { payload, marker } of this.#source.nextFrame(nowUs)) {
      const number = this.#number++;
      const header = this.#writeHeader(number, timestamp, marker);
      this.#sent[number % REMEMBERED_PACKETS] = { number, header, payload };
      transport.sendRtp(header, payload, rolloverOf(number));
      this.packets += 1;
      this.bytes += payload.length;
    }
  }

  #writeHeader(number: number, timestamp: number, marker: boolean): Uint8Array {
    const extension = this.#extension;
    const header = new Uint8Array(RTP_FIXED_HEADER_BYTES + extension.length);
    const payloadType = this.kind === "audio" ? OPUS_PAYLOAD_TYPE : VP8_PAYLOAD_TYPE;
    writeRtpHeader(header, 0, payloadType, marker, seqOf(number), timestamp, this.ssrc, extension.length > 0);
    header.set(extension, RTP_FIXED_HEADER_BYTES);
    return header;
  }
}

/** One-byte form, one element of one byte, padded (RFC 8285 §4.2). */
const AUDIO_EXTENSION = Uint8Array.of(0xbe, 0xde, 0, 1, AUDIO_LEVEL_ID << 4, AUDIO_LEVEL, 0, 0);
const NO_EXTENSION = new Uint8Array(0);

/** mid and rid as elements of the one-byte form: what tells simulcast encodings apart. */
function writeStreamNames(mid: string, rid: string): Uint8Array {
  const elements = [
    (MID_ID << 4) | (mid.length - 1),
    ...Buffer.from(mid, "latin1"),
    (RID_ID << 4) | (rid.length - 1),
    ...Buffer.from(rid, "latin1"),
  ];
  const words = Math.ceil(elements.length / 4);
  const block = new Uint8Array(4 + 4 * words);
  block.set([0xbe, 0xde, 0, words, ...elements]);
  return block;
}
