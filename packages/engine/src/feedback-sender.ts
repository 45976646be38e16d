import { writeFir } from "@cation/rtp/rtcp-fir";
import { writeNack } from "@cation/rtp/rtcp-nack";
import { writePli } from "@cation/rtp/rtcp-pli";
import type { Ssrc } from "@cation/rtp/units";
import type { EngineTransport } from "./engine-transport.ts";
import type { Producer } from "./producer.ts";
import type { ProducerStream } from "./producer-stream.ts";
import { RtcpCounter } from "./quality-counters.ts";
import type { QualityCounters } from "./quality-counters.ts";
import type { RtcpOutbox } from "./rtcp-outbox.ts";

/** Numbers asked for in one NACK; more follow in the next. */
const NACK_MAX_NUMBERS = 128;

/** Sends what producers' senders are to do: packets again (RFC 4585 §6.2.1), a keyframe (§6.3.1, RFC 5104 §4.3.1). */
export class FeedbackSender {
  /** Producers of the engine, in no order. */
  readonly producers: Producer[] = [];
  readonly #outbox: RtcpOutbox;
  readonly #quality: QualityCounters;
  readonly #lost = new Uint16Array(NACK_MAX_NUMBERS);
  #dueUs = Number.POSITIVE_INFINITY;

  constructor(outbox: RtcpOutbox, quality: QualityCounters) {
    this.#outbox = outbox;
    this.#quality = quality;
  }

  /** When something is due. */
  get dueUs(): number {
    return this.#dueUs;
  }

  /** Something of a stream will be due at that time. */
  wake(dueUs: number): void {
    if (dueUs < this.#dueUs) this.#dueUs = dueUs;
  }

  /** Sends what is due. */
  run(nowUs: number): void {
    if (nowUs < this.#dueUs) return;
    let dueUs = Number.POSITIVE_INFINITY;
    for (const producer of this.producers) {
      for (const stream of producer.streams) dueUs = Math.min(dueUs, this.#runStream(producer, stream, nowUs));
    }
    this.#dueUs = dueUs;
  }

  /** Returns when the stream is due next. */
  #runStream(producer: Producer, stream: ProducerStream, nowUs: number): number {
    const nack = stream.nack;
    let dueUs = Number.POSITIVE_INFINITY;
    if (nack !== undefined && nack.dueUs <= nowUs) {
      const count = nack.collect(nowUs, this.#lost);
      if (count > 0) this.#sendNack(producer.transport, stream, count);
    }
    if (nack !== undefined) dueUs = nack.dueUs;
    // A sender that has stopped is not asked; it is when it comes back (KeyframeRequester.resumed).
    const reachable = stream.ssrc !== 0 && (stream.active || stream.packets === 0);
    if (!reachable) return dueUs;
    if (stream.keyframes.take(nowUs)) this.#sendKeyframeRequest(producer, stream);
    return Math.min(dueUs, stream.keyframes.dueUs);
  }

  #sendNack(transport: EngineTransport, stream: ProducerStream, count: number): void {
    const offset = this.#outbox.begin(transport);
    const end = writeNack(this.#outbox.bytes, offset, transport.localSsrc, stream.ssrc as Ssrc, this.#lost, 0, count);
    if (end <= 0) return;
    this.#quality.count(RtcpCounter.NACK_SENT);
    this.#quality.count(RtcpCounter.NACK_NUMBERS_SENT, count);
    this.#outbox.send(transport, end);
  }

  #sendKeyframeRequest(producer: Producer, stream: ProducerStream): void {
    const transport = producer.transport;
    const offset = this.#outbox.begin(transport);
    const ssrc = stream.ssrc as Ssrc;
    const bytes = this.#outbox.bytes;
    let end: number;
    if (producer.keyframesByFir) {
      stream.firCommandSequence = (stream.firCommandSequence + 1) & 0xff;
      end = writeFir(bytes, offset, transport.localSsrc, ssrc, stream.firCommandSequence);
    } else {
      end = writePli(bytes, offset, transport.localSsrc, ssrc);
    }
    if (end < 0) return;
    stream.keyframeRequestsSent++;
    this.#quality.count(producer.keyframesByFir ? RtcpCounter.FIR_SENT : RtcpCounter.PLI_SENT);
    this.#outbox.send(transport, end);
  }
}
