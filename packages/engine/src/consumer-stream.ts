import { networkOrder } from "@cation/rtp/byte-order";
import type { CodecKind } from "@cation/rtp/payload/codec-kind";
import { HeldStamp } from "./bandwidth/held-records.ts";
import { PacerClass } from "./bandwidth/pacer.ts";
import type { Consumer } from "./consumer.ts";
import { ConsumerLayers } from "./consumer-layers.ts";
import { DropReason } from "./drop-reason.ts";
import type { EngineContext } from "./engine-context.ts";
import type { EngineTransport } from "./engine-transport.ts";
import type { ForwardGroup } from "./forward-group.ts";
import type { IncomingPacket } from "./incoming-packet.ts";
import { Layering } from "./layering.ts";
import type { PacketHistory } from "./packet-history.ts";
import type { Producer } from "./producer.ts";
import type { ProducerStream } from "./producer-stream.ts";
import { ReceiverView } from "./receiver-view.ts";
import { fillRtxHead, fillSameHead } from "./resend-head.ts";
import { ResendLog } from "./resend-log.ts";
import type { RewriteSegment } from "./rewrite-segments.ts";
import { writeRtpRecord } from "./rtp-record.ts";
import type { RtpRecordHead } from "./rtp-record.ts";
import { SentStamps } from "./sent-stamps.ts";
import { StreamRewriter } from "./stream-rewriter.ts";
import { StreamDouble, StreamFlag, StreamPlace, StreamWord } from "./stream-table.ts";
import { TemporalFilter } from "./temporal-filter.ts";
import { TimestampAligner } from "./timestamp-aligner.ts";

/** What a stream must know about the producer that it takes packets from. */
interface Binding {
  readonly producer: Producer;
  readonly group: ForwardGroup;
  readonly groupIndex: number;
}

/**
 * One outgoing RTP stream: takes packets from one producer stream at a time and writes records. What each packet needs of
 * it stands in a row of the source's StreamTable, where the PacketForwarder finds it; packets come here when a flag of the
 * row says so, or when they are late.
 */
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
  /** Whether it remembers what is needed to answer NACK. */
  readonly answersNack: boolean;

  /** Sends its packets now; undefined before the first keyframe and while paused. */
  source: ProducerStream | undefined;
  /** Waits for its keyframe. */
  target: ProducerStream | undefined;

  resentPackets = 0;
  /** Sent to fill time: packets of before over RTX, or nothing but padding. */
  paddingPackets = 0;
  nackedPackets = 0;
  keyframeRequests = 0;
  switches = 0;
  /** Numbers whose packets were still missing when the source changed: they stay gaps. */
  abandonedNumbers = 0;
  /** Next extended number of the RTX stream. */
  nextRtxNumber: number;

  readonly #context: EngineContext;
  readonly #rewrites: boolean;
  readonly #mid: Uint8Array;
  readonly #aligner: TimestampAligner;
  readonly #place: StreamPlace;
  readonly #temporal = new TemporalFilter();
  /** Of a source with layers inside; undefined before there was one. */
  #layers: ConsumerLayers | undefined;
  #maxSpatialId = 0;
  readonly #stamps: SentStamps | undefined;
  #resends: ResendLog | undefined;
  #binding: Binding | undefined;
  /** Place of this stream in `target.waiting`; its place in `source.forwarding` is that of its row. */
  #targetIndex = -1;
  /** Numbers below cannot be made again: they were sent with another producer's parameters. */
  #firstResendable = 0;
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
    this.#place = new StreamPlace(context.idleStreams);
    this.#place.setWord(StreamWord.TRANSPORT, this.transport.row);
    this.#place.setWord(StreamWord.SSRC, networkOrder(this.ssrc));
    this.#place.setDouble(StreamDouble.LAST_KEYFRAME_US, -1);
    this.rewriter = new StreamRewriter(this.#place, 0);
    this.nextRtxNumber = this.transport.firstNumber(this.rtxSsrc, context.random.nextUint32() & 0x7fff);
    this.answersNack = usesNack;
    if (usesNack && this.rtxSsrc === 0) {
      this.#stamps = new SentStamps(context.config.cachePackets);
      this.#place.flag(StreamFlag.KEEPS_STAMPS, true);
    }
  }

  get packets(): number {
    return this.#place.double(StreamDouble.PACKETS);
  }

  /** Payload octets (RFC 3550 §6.4.1). */
  get bytes(): number {
    return this.#place.double(StreamDouble.BYTES);
  }

  /** When the last keyframe began to go out; -1 for never. */
  get lastKeyframeUs(): number {
    return this.#place.double(StreamDouble.LAST_KEYFRAME_US);
  }

  /** What was sent again lately. */
  get resends(): ResendLog {
    this.#resends ??= new ResendLog();
    return this.#resends;
  }

  /** Highest layers that are wanted; `maxSpatialId` among those inside the source, where it has some. */
  setMaxLayers(maxSpatialId: number, maxTemporalId: number): void {
    this.#maxSpatialId = maxSpatialId;
    this.#temporal.wanted = maxTemporalId;
    this.#noteTemporal();
    this.#layers?.setWanted(maxSpatialId, maxTemporalId);
  }

  /** What is wanted of the present source cannot be had before its next keyframe. */
  get needsKeyframe(): boolean {
    return this.source !== undefined && this.#layers?.needsKeyframeOf(this.source) === true;
  }

  /** Forwards a packet of `source`, whatever it is: what the PacketForwarder does not do at once. */
  forward(packet: IncomingPacket): DropReason {
    let { group } = this.#binding as Binding;
    let chosen = group.choose(packet);
    if (chosen === DropReason.NO_CODEC) return chosen;
    const rewriter = this.rewriter;
    if (packet.sourceKey !== rewriter.sourceKey) this.#begin(packet);
    if (this.#rewrites) {
      if (packet.payloadBytes === 0) return this.#leaveOut(packet, group, DropReason.EMPTY);
      if (packet.layering !== Layering.NONE) {
        if (!this.#passesLayers(packet)) return this.#leaveOut(packet, group, DropReason.LAYER);
        group = (this.#binding as Binding).group;
        chosen = group.choose(packet);
      } else if (!this.#wants(packet)) {
        return this.#leaveOut(packet, group, DropReason.TEMPORAL_LAYER);
      }
    }
    if (chosen !== DropReason.NONE) return chosen;
    const number = rewriter.map(packet);
    if (number < 0) return DropReason.BEFORE_START;
    this.#send(packet, group, number);
    return DropReason.NONE;
  }

  /** Takes packets of `stream` from now on, without waiting for a keyframe. */
  switchTo(stream: ProducerStream): void {
    this.dropTarget();
    if (this.source === stream) return;
    this.dropSource();
    this.#bind(stream.producer);
    this.source = stream;
    if (this.answersNack) stream.keepHistory();
    stream.forwarding.push(this);
    this.#place.moveTo(stream.rows);
    this.switches++;
    this.#place.flag(StreamFlag.MARKS_NEXT, stream.producer.params.kind === "audio" && this.packets > 0);
    this.consumer.sourceChanged(stream);
  }

  /** Goes over to `stream` at its next keyframe; keeps the present source until then. */
  waitFor(stream: ProducerStream): void {
    if (this.target === stream) return;
    this.dropTarget();
    this.target = stream;
    this.#targetIndex = stream.waiting.push(this) - 1;
  }

  /** The source began anew in the middle of nowhere: video sends nothing until its next keyframe. */
  sourceRestarted(stream: ProducerStream): void {
    this.rewriter.end();
    if (!stream.producer.hasKeyframes) return;
    this.dropSource();
    if (this.target === undefined) this.waitFor(stream);
  }

  /** Takes no more packets of the present source. */
  dropSource(): void {
    const source = this.source;
    if (source === undefined) return;
    const moved = source.forwarding.pop() as ConsumerStream;
    if (moved !== this) source.forwarding[this.#place.index] = moved;
    this.#place.moveTo(this.#context.idleStreams);
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
    this.#unbind();
    this.#bind(producer);
  }

  /** Extended form of a number that was sent; -1 where it was not, or cannot be made again. */
  numberOf(sequenceNumber: number): number {
    const highest = this.rewriter.highestOut;
    const number = highest - ((highest - sequenceNumber) & 0xffff);
    return number < this.#firstResendable || !this.answersNack ? -1 : number;
  }

  /** Packets of the source with this key; undefined where that one is gone. */
  historyOf(sourceKey: number): PacketHistory | undefined {
    return this.#binding?.producer.streams.find((stream) => stream.sourceKey === sourceKey)?.history;
  }

  /** Sends a packet again that went out as `number` by the offsets of `segment`: by RTX, or under its own number. */
  resend(packet: IncomingPacket, number: number, segment: Readonly<RewriteSegment>): DropReason {
    const group = this.#binding?.group;
    if (group === undefined || packet.payloadBytes === 0) return DropReason.NACK_MISS;
    const codec = group.codecOf(packet);
    if (this.#rewrites && codec >= 0) this.#context.payloads.describeDescriptor(packet, codec as CodecKind);
    if (group.choose(packet) !== DropReason.NONE) return DropReason.NACK_MISS;
    const sent = group.isLayered(packet) ? this.#layers?.sent : undefined;
    if (sent?.has(number) === false) return DropReason.NACK_MISS;
    const head = this.#context.head;
    head.marker = packet.marker || sent?.forcedMarker(number) === true;
    head.timestamp = (packet.timestamp + segment.timestampOffset) | 0;
    const rewritesPicture = packet.descriptorBytes > 0 && packet.pictureId >= 0;
    head.pictureId = rewritesPicture ? (packet.pictureId + segment.pictureIdOffset) & 0x7fff : -1;
    head.tl0PictureIndex = (packet.tl0PictureIndex + segment.tl0Offset) & 0xff;
    head.frameNumberOffset = group.rewritesFrameNumbers ? segment.pictureIdOffset : 0;
    head.redSkippedBytes = group.redSkippedBytes;
    head.redBlockType = group.redBlockType;
    const filled =
      this.#stamps === undefined
        ? fillRtxHead(this.#context, this, packet, group, number)
        : fillSameHead(this.#context, this, group, number, this.#stamps);
    if (!filled) return DropReason.NACK_MISS;
    writeRtpRecord(this.transport, packet, group.key.plan, this.#mid, head);
    return DropReason.NONE;
  }

  /** The repetition that was written last goes to its receiver, in its turn. */
  resent(): void {
    this.resentPackets++;
    // Without RTX not a bit of it may change.
    const stamp = this.rtxSsrc === 0 ? HeldStamp.NONE : HeldStamp.NUMBERS;
    const plan = this.#binding?.group.key.plan;
    if (plan !== undefined) this.#context.pacing.leave(this.transport, PacerClass.RETRANSMISSION, plan, stamp);
  }

  /** Payload type of the RTX stream for what is sent now; 0 where there is none. */
  get rtxPayloadType(): number {
    const payloadType = this.#binding?.group.payloadType;
    const codec = this.consumer.params.codecs.find((candidate) => candidate.payloadType === payloadType);
    return this.rtxSsrc === 0 ? 0 : (codec?.rtxPayloadType ?? 0);
  }

  /** A packet that had to wait has left: what it carried beside its offsets. */
  sentWith(number: number, absSendTime: number, transportSequence: number, marker: boolean): void {
    this.#stamps?.put(number, absSendTime, transportSequence, marker);
  }

  /** Gives its numbers back to the transport, which never uses them again. */
  close(): void {
    this.dropSource();
    this.dropTarget();
    if (this.packets > 0) this.transport.retireNumbers(this.ssrc, this.rewriter.highestOut + 1);
    if (this.rtxSsrc !== 0 && this.resentPackets + this.paddingPackets > 0)
      this.transport.retireNumbers(this.rtxSsrc, this.nextRtxNumber);
    this.#place.leave();
    this.#unbind();
  }

  /**
   * Whether the packet's temporal layer is for this receiver. A late packet is sent where its frame has a picture id
   * already, since the hole would cost more; and not where the frame was left out, whatever is wanted by now.
   */
  #wants(packet: IncomingPacket): boolean {
    const rewriter = this.rewriter;
    const passes = this.#temporal.passes(packet, rewriter);
    this.#noteTemporal();
    if (rewriter.isNewest(packet)) return passes;
    return packet.pictureId < 0 ? passes : !rewriter.isLeftOut(packet);
  }

  /** Lets the PacketForwarder know which packets need no look at their temporal layer. */
  #noteTemporal(): void {
    this.#place.setWord(StreamWord.MAX_TEMPORAL_ID, this.#temporal.sure);
    this.#place.flag(StreamFlag.GOES_UP, this.#temporal.goesUp(this.source?.layers.maxTemporalId ?? 0));
  }

  #passesLayers(packet: IncomingPacket): boolean {
    const source = this.source as ProducerStream;
    this.#layers ??= new ConsumerLayers(this.#maxSpatialId, this.#temporal.wanted);
    const passes = this.#layers.passes(packet, source);
    const { group, producer } = this.#binding as Binding;
    if (this.#activeTargets !== group.key.plan.key.activeTargets) this.#regroup(producer);
    return passes;
  }

  #send(packet: IncomingPacket, group: ForwardGroup, number: number): void {
    const place = this.#place;
    const head = this.#fillHead(packet, group, number);
    const endsPicture = packet.layering !== Layering.NONE && this.#layers?.endsPicture === true;
    const marksNext = place.has(StreamFlag.MARKS_NEXT) || endsPicture;
    head.marker = packet.marker || marksNext;
    this.#layers?.sent.note(number, endsPicture);
    writeRtpRecord(this.transport, packet, group.key.plan, this.#mid, head);
    this.#place.countPacket(packet.payloadBytes);
    if (packet.keyframeStart) place.setDouble(StreamDouble.LAST_KEYFRAME_US, packet.arrivalUs);
    // With RTX nothing has to be remembered of it.
    const stamps = this.#stamps;
    const left = this.#leave(group, stamps === undefined ? HeldStamp.NUMBERS : HeldStamp.NUMBERS_REMEMBERED);
    if (left) stamps?.put(number, head.absSendTime, head.transportSequence, marksNext);
    place.flag(StreamFlag.MARKS_NEXT, false);
  }

  /** The packet that was written last leaves, now or later. True where that is now. */
  #leave(group: ForwardGroup, stamp: HeldStamp): boolean {
    const isAudio = this.consumer.producer.params.kind === "audio";
    const pacerClass = isAudio ? PacerClass.AUDIO : PacerClass.VIDEO;
    return this.#context.pacing.leave(this.transport, pacerClass, group.key.plan, stamp);
  }

  #fillHead(packet: IncomingPacket, group: ForwardGroup, number: number): RtpRecordHead {
    const rewriter = this.rewriter;
    const head = this.#context.head;
    head.ssrc = this.ssrc;
    head.payloadType = group.payloadType;
    head.sequenceNumber = number & 0xffff;
    head.rollover = Math.floor(number / 0x1_0000);
    head.timestamp = (packet.timestamp + rewriter.timestampOffset) | 0;
    head.originalSequence = -1;
    head.pictureId = group.rewritesVp8 ? rewriter.pictureId : -1;
    head.tl0PictureIndex = rewriter.tl0PictureIndex;
    head.frameNumberOffset = group.rewritesFrameNumbers ? rewriter.pictureIdOffset : 0;
    head.redSkippedBytes = group.redSkippedBytes;
    head.redBlockType = group.redBlockType;
    if (packet.layering === Layering.VP9 && this.#rewrites) head.pictureId = rewriter.pictureId;
    head.absSendTime = this.#context.absSendTime;
    if (group.key.plan.transportCcOffset >= 0) head.transportSequence = this.transport.nextTransportSequence();
    return head;
  }

  /** Sends nothing of a packet; where its number is already known to be missing, padding takes the number. */
  #leaveOut(packet: IncomingPacket, group: ForwardGroup, reason: DropReason): DropReason {
    if (this.rewriter.drop(packet)) return reason;
    const { plan } = group.key;
    const number = this.rewriter.mapFiller(packet);
    if (number < 0 || group.choose(packet) !== DropReason.NONE) return reason;
    const head = this.#fillHead(packet, group, number);
    head.marker = false;
    head.pictureId = -1;
    head.filler = true;
    writeRtpRecord(this.transport, packet, plan, this.#mid, head);
    head.filler = false;
    this.#place.countPacket(0);
    this.#leave(group, HeldStamp.NUMBERS);
    return reason;
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
    this.#temporal.restart();
    rewriter.begin(packet, next, this.#aligner.offsetFor(source, packet, rewriter, this.#context.random));
  }

  #bind(producer: Producer): void {
    if (this.#binding?.producer === producer) return;
    this.#regroup(producer);
    this.#firstResendable = this.rewriter.highestOut + 1;
  }

  /** Decode targets to tell the receiver; none where a packet sent again must have the same bytes, whatever holds by then. */
  get #activeTargets(): number {
    return this.rtxSsrc === 0 && this.answersNack ? -1 : (this.#layers?.activeTargets ?? -1);
  }

  /** Joins the consumers of `producer` that get the same headers. */
  #regroup(producer: Producer): void {
    this.#unbind();
    const { extensions } = this.consumer.params;
    const plan = producer.planFor({
      incoming: producer.params.extensions,
      outgoing: extensions,
      midBytes: this.#mid.length,
      relay: !this.#rewrites,
      activeTargets: this.#activeTargets,
    });
    const groupIndex = producer.joinGroup({
      plan,
      payloads: this.consumer.payloadMapFor(producer),
      mid: this.#mid,
      sink: this.transport.sink,
      rewrites: this.#rewrites,
    });
    const group = producer.groups[groupIndex] as ForwardGroup;
    this.#binding = { producer, group, groupIndex };
    this.#place.setWord(StreamWord.GROUP, groupIndex);
  }

  #unbind(): void {
    if (this.#binding !== undefined) this.#binding.producer.leaveGroup(this.#binding.groupIndex);
    this.#binding = undefined;
  }
}
