import { CodecKind } from "@cation/rtp/payload/codec-kind";
import { seqOf } from "@cation/rtp/sequence";
import type { Consumer } from "./consumer.ts";
import { DropReason } from "./drop-reason.ts";
import type { EngineContext } from "./engine-context.ts";
import type { EngineTransport } from "./engine-transport.ts";
import type { ExtensionPlan } from "./extension-plan.ts";
import type { IncomingPacket } from "./incoming-packet.ts";
import type { PayloadMap } from "./payload-map.ts";
import type { Producer } from "./producer.ts";
import type { ProducerStream } from "./producer-stream.ts";
import { ReceiverView } from "./receiver-view.ts";
import { RetransmissionCache } from "./retransmission-cache.ts";
import { writeRtpRecord } from "./rtp-record.ts";
import type { RtpRecordHead } from "./rtp-record.ts";
import { StreamRewriter } from "./stream-rewriter.ts";
import { TemporalFilter } from "./temporal-filter.ts";
import { TimestampAligner } from "./timestamp-aligner.ts";

/** What a stream must know about the producer that it takes packets from. */
interface Binding {
  readonly producer: Producer;
  readonly plan: ExtensionPlan;
  readonly payloads: PayloadMap;
}

/** One outgoing RTP stream: takes packets from one producer stream at a time and writes records. */
export class ConsumerStream {
  readonly consumer: Consumer;
  readonly transport: EngineTransport;
  /** int32. */
  readonly ssrc: number;
  /** int32; 0 where packets are repeated as they were. */
  readonly rtxSsrc: number;
  readonly rewriter: StreamRewriter;
  /** What the receiver reports. */
  readonly receiver = new ReceiverView();
  readonly temporal = new TemporalFilter();
  readonly cache: RetransmissionCache | undefined;

  /** Sends its packets now; undefined before the first keyframe and while paused. */
  source: ProducerStream | undefined;
  /** Waits for its keyframe. */
  target: ProducerStream | undefined;

  packets = 0;
  /** Payload octets (RFC 3550 §6.4.1). */
  bytes = 0;
  resentPackets = 0;
  nackedPackets = 0;
  keyframeRequests = 0;
  switches = 0;
  /** Numbers whose packets were still missing when the source changed: they stay gaps. */
  abandonedNumbers = 0;
  /** When the last keyframe began to go out; -1 for never. */
  lastKeyframeUs = -1;
  /** Next extended number of the RTX stream. */
  nextRtxNumber: number;

  readonly #context: EngineContext;
  readonly #rewrites: boolean;
  readonly #mid: Uint8Array;
  readonly #aligner: TimestampAligner;
  #binding: Binding | undefined;
  /** Place of this stream in `source.forwarding` and `target.waiting`. */
  #sourceIndex = -1;
  #targetIndex = -1;
  /** Payload type that came last, and what it is here. */
  #incomingPayloadType = -1;
  #outgoingPayloadType = -1;
  #rewritesVp8 = false;
  /** The next packet starts a talkspurt (RFC 3551 §4.1). */
  #markNext = false;
  #resendWindowUs = Number.NEGATIVE_INFINITY;
  #resendsInWindow = 0;
  /** First number of the present source, and packets sent before it. */
  #firstNumber = 0;
  #packetsBefore = 0;

  constructor(context: EngineContext, consumer: Consumer, index: number, usesNack: boolean) {
    const params = consumer.params;
    this.#context = context;
    this.consumer = consumer;
    this.transport = consumer.transport;
    this.ssrc = params.streams[index].ssrc | 0;
    this.rtxSsrc = params.streams[index].rtxSsrc | 0;
    this.#rewrites = params.mode === "single";
    this.#mid = new TextEncoder().encode(params.mid);
    this.#aligner = new TimestampAligner(this.#rewrites);
    this.rewriter = new StreamRewriter(0);
    this.nextRtxNumber = this.transport.firstNumber(this.rtxSsrc, context.random.nextUint32() & 0x7fff);
    if (usesNack) this.cache = new RetransmissionCache(context.config.cachePackets, this.rtxSsrc === 0);
  }

  /** Forwards a packet of `source`: the hot path, once a packet and consumer. */
  forward(packet: IncomingPacket): DropReason {
    if (packet.payloadType !== this.#incomingPayloadType && !this.#takePayloadType(packet)) return DropReason.NO_CODEC;
    const rewriter = this.rewriter;
    if (packet.sourceKey !== rewriter.sourceKey) this.#begin(packet);
    if (this.#rewrites) {
      if (packet.payloadBytes === 0) return this.#leaveOut(packet, DropReason.EMPTY);
      if (!this.#wants(packet)) return this.#leaveOut(packet, DropReason.TEMPORAL_LAYER);
    }
    const plan = (this.#binding as Binding).plan;
    if (!plan.prepare(packet)) return DropReason.HEADER_TOO_LONG;
    const number = rewriter.map(packet);
    if (number < 0) return DropReason.BEFORE_START;
    this.#send(packet, plan, number);
    return DropReason.NONE;
  }

  /** Takes packets of `stream` from now on, without waiting for a keyframe. */
  switchTo(stream: ProducerStream): void {
    this.dropTarget();
    if (this.source === stream) return;
    this.dropSource();
    this.#bind(stream.producer);
    this.source = stream;
    this.#sourceIndex = stream.forwarding.push(this) - 1;
    this.switches++;
    this.#markNext = stream.producer.params.kind === "audio" && this.packets > 0;
    this.consumer.sourceChanged(stream);
  }

  /** Goes over to `stream` at its next keyframe; keeps the present source until then. */
  waitFor(stream: ProducerStream): void {
    if (this.target === stream) return;
    this.dropTarget();
    this.target = stream;
    this.#targetIndex = stream.waiting.push(this) - 1;
  }

  /** The source began anew in the middle of nowhere: nothing until its next keyframe. */
  awaitKeyframeOf(stream: ProducerStream): void {
    this.dropSource();
    if (this.target === undefined) this.waitFor(stream);
  }

  /** Takes no more packets of the present source. */
  dropSource(): void {
    const source = this.source;
    if (source === undefined) return;
    const moved = source.forwarding.pop() as ConsumerStream;
    if (moved !== this) {
      source.forwarding[this.#sourceIndex] = moved;
      moved.#sourceIndex = this.#sourceIndex;
    }
    this.source = undefined;
    this.rewriter.end();
  }

  dropTarget(): void {
    const target = this.target;
    if (target === undefined) return;
    const moved = target.waiting.pop() as ConsumerStream;
    if (moved !== this) {
      target.waiting[this.#targetIndex] = moved;
      moved.#targetIndex = this.#targetIndex;
    }
    this.target = undefined;
  }

  /** The producer was renegotiated: its payload types and extension ids may be others. */
  rebind(producer: Producer): void {
    if (this.#binding?.producer !== producer) return;
    this.#binding = undefined;
    this.#bind(producer);
  }

  /** Sends a remembered packet again, under its own number or by RTX. The cache entry is known to be valid. */
  resend(packet: IncomingPacket, entry: number, sequenceNumber: number): DropReason {
    const binding = this.#binding;
    const cache = this.cache;
    if (binding === undefined || cache === undefined) return DropReason.NACK_MISS;
    const codec = binding.producer.codecKindOf(packet.payloadType);
    if (this.#rewrites && codec >= 0) this.#context.payloads.describeDescriptor(packet, codec as CodecKind);
    const payloadType = binding.payloads.outgoingOf(packet.payloadType);
    const rtxPayloadType = binding.payloads.outgoingRtxOf(packet.payloadType);
    if (payloadType < 0 || !binding.plan.prepare(packet)) return DropReason.NACK_MISS;
    const head = this.#context.head;
    head.marker = packet.marker || cache.forcedMarkerOf(entry);
    head.timestamp = cache.rtpTimestampOf(entry);
    head.pictureId = packet.descriptorBytes > 0 ? cache.pictureIdOf(entry) : -1;
    head.tl0PictureIndex = cache.tl0PictureIndexOf(entry);
    if (this.rtxSsrc !== 0 && rtxPayloadType >= 0) {
      this.#fillRtxHead(rtxPayloadType, sequenceNumber, binding.plan);
    } else {
      const highest = this.rewriter.highestOut;
      const number = highest - ((highest - sequenceNumber) & 0xffff);
      head.ssrc = this.ssrc;
      head.payloadType = payloadType;
      head.sequenceNumber = sequenceNumber;
      head.rollover = Math.floor(number / 0x1_0000);
      head.originalSequence = -1;
      head.absSendTime = cache.absSendTimeOf(entry);
      head.transportSequence = cache.transportSequenceOf(entry);
      this.transport.bandwidth?.estimator.onSentAgain(seqOf(head.transportSequence));
    }
    writeRtpRecord(this.transport, packet, binding.plan, this.#mid, head);
    this.resentPackets++;
    return DropReason.NONE;
  }

  /** Whether one more packet may be sent again in this round trip. */
  takeResend(nowUs: number, rttUs: number): boolean {
    if (nowUs - this.#resendWindowUs >= rttUs) {
      this.#resendWindowUs = nowUs;
      this.#resendsInWindow = 0;
    }
    if (this.#resendsInWindow >= this.#context.config.resendPacketsPerRtt) return false;
    this.#resendsInWindow++;
    return true;
  }

  /** Gives its numbers back to the transport, which never uses them again. */
  close(): void {
    this.dropSource();
    this.dropTarget();
    if (this.packets > 0) this.transport.retireNumbers(this.ssrc, this.rewriter.highestOut + 1);
    if (this.rtxSsrc !== 0 && this.resentPackets > 0) this.transport.retireNumbers(this.rtxSsrc, this.nextRtxNumber);
  }

  /**
   * Whether the packet's temporal layer is for this receiver. A late packet is sent where its frame has a picture id
   * already, since the hole would cost more; and not where the frame was left out, whatever is wanted by now.
   */
  #wants(packet: IncomingPacket): boolean {
    const rewriter = this.rewriter;
    const passes = this.temporal.passes(packet, rewriter);
    if (rewriter.isNewest(packet)) return passes;
    return packet.pictureId < 0 ? passes : !rewriter.isLeftOut(packet);
  }

  #send(packet: IncomingPacket, plan: ExtensionPlan, number: number): void {
    const head = this.#fillHead(packet, plan, number);
    writeRtpRecord(this.transport, packet, plan, this.#mid, head);
    this.packets++;
    this.bytes += packet.payloadBytes;
    if (packet.keyframeStart) this.lastKeyframeUs = packet.arrivalUs;
    const cache = this.cache;
    if (cache !== undefined) {
      cache.put(
        head.sequenceNumber,
        packet.slot,
        packet.generation,
        head.timestamp,
        head.pictureId,
        head.tl0PictureIndex,
        this.#markNext,
      );
      if (cache.keepsStamps) cache.putStamps(head.sequenceNumber, head.absSendTime, head.transportSequence);
    }
    this.#markNext = false;
  }

  #fillHead(packet: IncomingPacket, plan: ExtensionPlan, number: number): RtpRecordHead {
    const rewriter = this.rewriter;
    const head = this.#context.head;
    head.ssrc = this.ssrc;
    head.payloadType = this.#outgoingPayloadType;
    head.marker = packet.marker || this.#markNext;
    head.sequenceNumber = number & 0xffff;
    head.rollover = Math.floor(number / 0x1_0000);
    head.timestamp = (packet.timestamp + rewriter.timestampOffset) | 0;
    head.originalSequence = -1;
    head.pictureId = this.#rewritesVp8 ? rewriter.pictureId : -1;
    head.tl0PictureIndex = rewriter.tl0PictureIndex;
    head.absSendTime = this.#context.absSendTime;
    if (plan.transportCcOffset >= 0) head.transportSequence = this.transport.nextTransportSequence();
    return head;
  }

  #fillRtxHead(payloadType: number, originalSequence: number, plan: ExtensionPlan): void {
    const head = this.#context.head;
    const number = this.nextRtxNumber++;
    head.ssrc = this.rtxSsrc;
    head.payloadType = payloadType;
    head.sequenceNumber = number & 0xffff;
    head.rollover = Math.floor(number / 0x1_0000);
    head.originalSequence = originalSequence;
    head.absSendTime = this.#context.absSendTime;
    if (plan.transportCcOffset >= 0) head.transportSequence = this.transport.nextTransportSequence();
  }

  /** Sends nothing of a packet; where its number is already known to be missing, padding takes the number. */
  #leaveOut(packet: IncomingPacket, reason: DropReason): DropReason {
    if (this.rewriter.drop(packet)) return reason;
    const plan = (this.#binding as Binding).plan;
    const number = this.rewriter.mapFiller(packet);
    if (number < 0 || !plan.prepare(packet)) return reason;
    const head = this.#fillHead(packet, plan, number);
    head.marker = false;
    head.pictureId = -1;
    head.filler = true;
    writeRtpRecord(this.transport, packet, plan, this.#mid, head);
    head.filler = false;
    this.packets++;
    return reason;
  }

  #takePayloadType(packet: IncomingPacket): boolean {
    const outgoing = this.#binding === undefined ? -1 : this.#binding.payloads.outgoingOf(packet.payloadType);
    if (outgoing < 0) return false;
    this.#incomingPayloadType = packet.payloadType;
    this.#outgoingPayloadType = outgoing;
    this.#rewritesVp8 = this.#rewrites && this.#binding?.producer.codecKindOf(packet.payloadType) === CodecKind.VP8;
    return true;
  }

  /** First packet of a source, or of an epoch of it. */
  #begin(packet: IncomingPacket): void {
    const rewriter = this.rewriter;
    const source = this.source as ProducerStream;
    let next = rewriter.highestOut + 1;
    if (this.packets > 0) {
      this.abandonedNumbers += next - this.#firstNumber - (this.packets - this.#packetsBefore);
    } else {
      const wanted = this.#rewrites ? this.#context.random.nextUint32() & 0x7fff : packet.sequenceNumber;
      next = this.transport.firstNumber(this.ssrc, wanted);
    }
    this.#firstNumber = next;
    this.#packetsBefore = this.packets;
    this.temporal.restart();
    rewriter.begin(packet, next, this.#aligner.offsetFor(source, packet, rewriter, this.#context.random));
  }

  #bind(producer: Producer): void {
    if (this.#binding?.producer === producer) return;
    const params = this.consumer.params;
    const plan = producer.planFor({
      incoming: producer.params.extensions,
      outgoing: params.extensions,
      midBytes: this.#mid.length,
      relay: !this.#rewrites,
    });
    this.#binding = { producer, plan, payloads: this.consumer.payloadMapFor(producer) };
    this.#incomingPayloadType = -1;
    // What was sent before cannot be made again with another producer's plan.
    this.cache?.clear();
  }
}
