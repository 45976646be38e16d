import { SequenceUnwrapper, seqDelta, timestampDelta } from "@cation/rtp/sequence";
import type { Ssrc } from "@cation/rtp/units";
import type { ConsumerStream } from "./consumer-stream.ts";
import { DropReason } from "./drop-reason.ts";
import type { EngineContext } from "./engine-context.ts";
import type { IncomingPacket } from "./incoming-packet.ts";
import { KeyframeRequester } from "./keyframe-requester.ts";
import { NackGenerator } from "./nack-generator.ts";
import { PacketHistory } from "./packet-history.ts";
import type { Producer } from "./producer.ts";
import { RateWindow } from "./rate-window.ts";
import { ReceivedWindow, WindowState } from "./received-window.ts";
import { ReceptionStatistics } from "./reception-statistics.ts";
import { SenderClock } from "./sender-clock.ts";
import { AudioLevelMeter } from "./speakers/audio-level-meter.ts";
import { StreamLayers } from "./stream-layers.ts";
import { StreamTable } from "./stream-table.ts";

/** RFC 3550 App. A.1: a larger step is no loss but a restart. */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 2048;
/** A gap or a late packet whose timestamp is further off than this is no loss and no reordering, but a restart too. */
const MAX_TIMESTAMP_STEP_SECONDS = 60;

/** One encoding of a producer as it arrives: its numbers, losses, clock, keyframes, and the consumers it feeds. */
export class ProducerStream {
  readonly producer: Producer;
  /** Index into the producer's encodings; 0 is the lowest quality. */
  readonly index: number;
  readonly rid: string;
  /** 0 while not known. */
  ssrc: number;
  rtxSsrc: number;

  /** Sends packets now: has sent one within the configured time. */
  active = false;
  /** Identity of its sequence numbers; another after a restart or a change of ssrc. */
  sourceKey: number;
  /** Clock of the sender; forgotten when the ssrc changes. */
  readonly clock = new SenderClock();
  readonly reception: ReceptionStatistics;
  readonly keyframes: KeyframeRequester;
  /** Undefined where NACK was not negotiated. */
  readonly nack: NackGenerator | undefined;
  readonly rate = new RateWindow();
  /** Undefined for video. */
  readonly level: AudioLevelMeter | undefined;
  readonly layers = new StreamLayers();

  /** Consumers that get each packet (their rows in the same order), and those that wait for a keyframe to begin. */
  readonly forwarding: ConsumerStream[] = [];
  readonly rows = new StreamTable();
  readonly waiting: ConsumerStream[] = [];
  /** Undefined until a consumer may ask for packets again. */
  history: PacketHistory | undefined;

  packets = 0;
  bytes = 0;
  /** Repetitions that filled a gap. */
  recovered = 0;
  duplicates = 0;
  keyframesReceived = 0;
  keyframeRequestsSent = 0;
  lastPacketUs = -1;
  firCommandSequence = 0;

  readonly #context: EngineContext;
  readonly #unwrapper = new SequenceUnwrapper();
  readonly #window = new ReceivedWindow();
  /** The number that would confirm a restart; -1 for none. */
  #suspect = -1;
  #lastKeyframeTimestamp = -1;
  /** Of the newest packet, int32. */
  #lastTimestamp = 0;

  constructor(context: EngineContext, producer: Producer, index: number, clockRateHz: number, usesNack: boolean) {
    const encoding = producer.params.encodings[index];
    this.#context = context;
    this.producer = producer;
    this.index = index;
    this.rid = encoding.rid;
    this.ssrc = encoding.ssrc;
    this.rtxSsrc = encoding.rtxSsrc;
    this.sourceKey = context.nextSourceKey();
    this.reception = new ReceptionStatistics(clockRateHz);
    this.keyframes = new KeyframeRequester(context.config.keyframeWindowUs, context.config.keyframeRetryMaxUs);
    this.level = producer.params.kind === "audio" ? new AudioLevelMeter() : undefined;
    this.nack = usesNack ? new NackGenerator(context.config) : undefined;
  }

  /** Takes a packet of this stream (RTX already unwrapped), then forwards it. */
  receive(packet: IncomingPacket, nowUs: number): DropReason {
    const codec = this.producer.codecKindOf(packet.payloadType);
    if (codec === -1) return DropReason.UNKNOWN_PAYLOAD_TYPE;
    const order = this.#takeNumber(packet, nowUs);
    if (order !== DropReason.NONE) return order;
    this.#count(packet, nowUs);
    this.level?.add(packet, this.producer.params.extensions.audioLevel, nowUs);
    if (packet.payloadBytes > 0) {
      const descriptorId = this.producer.params.extensions.dependencyDescriptor;
      const described = this.#context.payloads.describe(packet, codec, this.layers, descriptorId);
      if (described !== DropReason.NONE) return described;
    }
    if (this.producer.hasKeyframes && this.layers.add(packet, packet.view.length, nowUs)) {
      this.producer.activeStreamsChanged(nowUs);
    }
    if (packet.keyframeStart && this.producer.hasKeyframes) this.#keyframe(packet);
    if (this.history !== undefined) this.history.put(packet);
    this.#context.forwarder.forward(packet, this);
    return DropReason.NONE;
  }

  /** The sender uses another ssrc from now on. */
  changeSsrc(ssrc: Ssrc, nowUs: number): void {
    const first = this.packets === 0;
    this.ssrc = ssrc;
    if (first) return;
    this.clock.reset();
    this.#restart(nowUs);
  }

  /** Somebody needs a keyframe; asked for as soon as the throttle allows. */
  requestKeyframe(nowUs: number): void {
    if (!this.producer.hasKeyframes) return;
    this.keyframes.request(nowUs);
    this.#context.feedback.wake(this.keyframes.dueUs);
  }

  /** Looks whether the encoding, or a layer inside it, has stopped; to be called some times a second. */
  checkActivity(timeoutUs: number, nowUs: number): void {
    if (!this.active) return;
    if (nowUs - this.lastPacketUs > timeoutUs || this.producer.activity.isStalled(this.index, nowUs)) this.stop(nowUs);
    else if (this.layers.check(nowUs)) this.producer.activeStreamsChanged(nowUs);
  }

  /** Keeps what is needed to send packets again, from now on. */
  keepHistory(): void {
    this.history ??= new PacketHistory(this.#context.config.cachePackets);
  }

  /** Nothing came for a while, or the sender said goodbye. */
  stop(nowUs: number): void {
    if (!this.active) return;
    this.active = false;
    this.producer.activeStreamsChanged(nowUs);
    this.#context.events.streamStopped(this.producer, this.index);
  }

  /** Sequence: unwrap, restart, duplicates, gaps. */
  #takeNumber(packet: IncomingPacket, nowUs: number): DropReason {
    const unwrapper = this.#unwrapper;
    if (unwrapper.highest >= 0) {
      const step = seqDelta(packet.sequenceNumber, unwrapper.highest & 0xffff);
      if (step !== 1 && this.#isFarOff(packet, step)) {
        const restart = this.#confirmRestart(packet, nowUs);
        if (restart !== DropReason.NONE) return restart;
      }
    }
    const highest = unwrapper.highest;
    const extSeq = unwrapper.unwrap(packet.sequenceNumber);
    const state = this.#window.add(extSeq);
    if (state !== WindowState.NEW) {
      this.duplicates++;
      return state === WindowState.DUPLICATE ? DropReason.DUPLICATE : DropReason.TOO_OLD;
    }
    this.#suspect = -1;
    if (extSeq > highest) {
      if (packet.timestamp !== this.#lastTimestamp) this.producer.activity.frame(this.index, nowUs);
      this.#lastTimestamp = packet.timestamp;
    }
    packet.extSeq = extSeq;
    packet.sourceKey = this.sourceKey;
    if (this.nack !== undefined) this.#trackGaps(this.nack, highest, extSeq, nowUs);
    return DropReason.NONE;
  }

  #trackGaps(nack: NackGenerator, highest: number, extSeq: number, nowUs: number): void {
    if (extSeq < highest) {
      nack.received(extSeq, nowUs);
      return;
    }
    if (highest >= 0 && extSeq > highest + 1 && !nack.addGap(highest + 1, extSeq - 1, nowUs)) {
      this.requestKeyframe(nowUs);
    }
    if (nack.missing > 0) {
      nack.advance(extSeq, nowUs);
      this.#context.feedback.wake(nack.dueUs);
    }
  }

  #isFarOff(packet: IncomingPacket, step: number): boolean {
    if (step > MAX_DROPOUT || step < -MAX_MISORDER) return true;
    const ticks = Math.abs(timestampDelta(packet.timestamp, this.#lastTimestamp));
    return ticks > MAX_TIMESTAMP_STEP_SECONDS * this.producer.clockRateHz;
  }

  /** RFC 3550 App. A.1: two consecutive numbers far off mean that the sender began anew. */
  #confirmRestart(packet: IncomingPacket, nowUs: number): DropReason {
    if (packet.retransmitted) return DropReason.TOO_OLD;
    if (packet.sequenceNumber !== this.#suspect) {
      this.#suspect = (packet.sequenceNumber + 1) & 0xffff;
      return DropReason.SEQUENCE_JUMP;
    }
    this.#restart(nowUs);
    return DropReason.NONE;
  }

  #restart(nowUs: number): void {
    this.#suspect = -1;
    this.sourceKey = this.#context.nextSourceKey();
    this.#unwrapper.reset();
    this.#window.reset();
    this.layers.reset();
    this.reception.reset();
    this.nack?.clear();
    this.history?.clear();
    for (let i = this.forwarding.length - 1; i >= 0; i--) this.forwarding[i].sourceRestarted(this);
    if (this.producer.hasKeyframes && this.waiting.length > 0) this.requestKeyframe(nowUs);
  }

  #count(packet: IncomingPacket, nowUs: number): void {
    // What was repeated counts as lost: reports tell the sender about the network (RFC 4588 §5.3).
    if (!packet.retransmitted) this.reception.add(packet.extSeq, packet.timestamp, packet.arrivalUs);
    this.packets++;
    this.bytes += packet.view.length;
    this.rate.add(packet.view.length, nowUs);
    if (packet.retransmitted) this.recovered++;
    this.lastPacketUs = nowUs;
    if (!this.active) this.#start(nowUs);
  }

  #start(nowUs: number): void {
    this.active = true;
    this.keyframes.resumed(nowUs);
    this.#context.feedback.wake(this.keyframes.dueUs);
    this.producer.activeStreamsChanged(nowUs);
    this.#context.events.streamStarted(this.producer, this.index);
  }

  /** A keyframe begins: whoever waits goes over to this stream, unless the packet is late and what follows is gone. */
  #keyframe(packet: IncomingPacket): void {
    if (packet.timestamp !== this.#lastKeyframeTimestamp) {
      this.#lastKeyframeTimestamp = packet.timestamp;
      this.keyframesReceived++;
      if (this.keyframesReceived === 1) this.#context.events.streamKeyframe(this.producer, this.index);
    }
    if (packet.extSeq !== this.#unwrapper.highest) return;
    this.keyframes.satisfied();
    for (let i = this.waiting.length - 1; i >= 0; i--) this.waiting[i].switchTo(this);
  }
}
