import { absSendTimeFromUs } from "@cation/rtp/abs-send-time";
import type { MonoUs } from "@cation/rtp/units";
import { ArrivalReporters } from "./bandwidth/arrival-reporters.ts";
import type { BandwidthState } from "./bandwidth/send-side-bandwidth-estimator.ts";
import { sendBye } from "./bye-sender.ts";
import { COMPLETION_RECORD_BYTES } from "./completion-batch.ts";
import type { CompletionBatch } from "./completion-batch.ts";
import { Consumer } from "./consumer.ts";
import { DropCounters, DropReason } from "./drop-reason.ts";
import { DEFAULT_ENGINE_CONFIG } from "./engine-config.ts";
import type { EngineConfig } from "./engine-config.ts";
import { EngineContext } from "./engine-context.ts";
import { EngineEvents } from "./engine-events.ts";
import type { EngineHandler } from "./engine-handler.ts";
import { EngineTransport } from "./engine-transport.ts";
import type { TransportParams } from "./engine-transport.ts";
import { FeedbackSender } from "./feedback-sender.ts";
import type { TransportHandle } from "./ids.ts";
import type { PacketSink } from "./packet-sink.ts";
import type { PacketStore } from "./packet-store.ts";
import { MediaTotals } from "./media-totals.ts";
import type { ConsumerParams, ProducerParams } from "./parameters.ts";
import { Producer } from "./producer.ts";
import type { Random } from "./random.ts";
import { RECEIVE_RECORD_BYTES, ReceiveKind } from "./receive-batch.ts";
import type { ReceiveBatch } from "./receive-batch.ts";
import { QualityCounters } from "./quality-counters.ts";
import { ReportSender } from "./report-sender.ts";
import { RtcpOutbox } from "./rtcp-outbox.ts";
import { RtcpReceiver } from "./rtcp-receiver.ts";
import { RtpReceiver } from "./rtp-receiver.ts";
import { SendOutcome } from "./send-batch.ts";
import { SinkSet } from "./sink-set.ts";
import type { EngineStats } from "./stats.ts";
import { StreamDemux } from "./stream-demux.ts";
import { TransportDouble, TransportWord } from "./transport-table.ts";

const RECEIVE_RECORD_WORDS = RECEIVE_RECORD_BYTES / 4;
const COMPLETION_RECORD_WORDS = COMPLETION_RECORD_BYTES / 4;
/** How often encodings are checked for having stopped. */
const ACTIVITY_CHECK_US = 100_000;

/** What an engine is made from. It owns none of it. */
export interface EngineOptions {
  readonly store: PacketStore;
  readonly random: Random;
  readonly handler: EngineHandler;
  readonly config?: Partial<EngineConfig>;
}

/**
 * Decides what goes where: takes received packets, writes records of outgoing ones. Sans-IO: packets and time come by
 * argument, `nowUs` never goes back (calls where it is optional take the time of the last call without it, which is good
 * enough for closing), and records go to each transport's sink, which is flushed before a call returns.
 *
 * Whose call: the deciding thread, one at a time; a handler may call back.
 */
export class Engine {
  readonly #context: EngineContext;
  readonly #transports = new Map<number, EngineTransport>();
  readonly #outbox: RtcpOutbox;
  readonly #rtp: RtpReceiver;
  readonly #rtcp: RtcpReceiver;
  readonly #reports: ReportSender;
  #nextActivityUs = 0;
  #nowUs = 0;
  #consumerCount = 0;
  /** Of transports that are closed. */
  readonly #closed = { receivedPackets: 0, receivedBytes: 0, sentPackets: 0, sentBytes: 0, resent: 0 };
  /** RTP of producers and consumers, closed ones included once they are. */
  readonly #closedMedia = new MediaTotals();

  constructor(options: EngineOptions) {
    const config: EngineConfig = { ...DEFAULT_ENGINE_CONFIG, ...options.config };
    this.#outbox = new RtcpOutbox(options.store);
    const quality = new QualityCounters();
    this.#context = new EngineContext(
      config,
      options.store,
      options.random,
      new EngineEvents(options.handler),
      new SinkSet(),
      new DropCounters(),
      new FeedbackSender(this.#outbox, quality),
      new ArrivalReporters(this.#outbox),
      quality,
    );
    this.#rtp = new RtpReceiver(this.#context);
    this.#rtcp = new RtcpReceiver(this.#context);
    this.#reports = new ReportSender(config, options.random, this.#outbox, quality);
  }

  /** Counts of drops by DropReason, live. */
  get drops(): DropCounters {
    return this.#context.drops;
  }

  /** Takes a transport in; its records go to `sink`. A transport that is open with this handle is closed first. */
  openTransport(handle: TransportHandle, sink: PacketSink, params: TransportParams): void {
    this.closeTransport(handle);
    const context = this.#context;
    const firstReportUs = this.#reports.nextReportUs(this.#nowUs);
    const demux = new StreamDemux(params.extensions, context.config.ssrcBurst);
    const transport = new EngineTransport(
      handle,
      sink,
      params,
      context.random,
      demux,
      firstReportUs,
      context.transports,
    );
    this.#transports.set(transport.handle, transport);
    context.sinks.add(sink);
    context.reportDueUs = Math.min(context.reportDueUs, firstReportUs);
  }

  /** Closes what it produces and consumes, and forgets it. Idempotent. */
  closeTransport(handle: TransportHandle, nowUs: MonoUs = this.#lastUs()): void {
    const transport = this.#transports.get(handle | 0);
    if (transport === undefined) return;
    this.#enter(nowUs);
    for (const producer of [...transport.producers]) this.#closeProducer(producer);
    for (const consumer of [...transport.consumers]) {
      this.#closeConsumer(consumer);
      this.#context.events.consumerClosed(consumer);
    }
    transport.closed = true;
    this.#context.bandwidth.close(transport);
    this.#transports.delete(handle | 0);
    this.#context.settle(this.#nowUs);
    this.#context.sinks.remove(transport.sink);
    this.#closed.receivedPackets += transport.receivedPackets;
    this.#closed.receivedBytes += transport.receivedBytes;
    this.#closed.sentPackets += transport.sentPackets;
    this.#closed.sentBytes += transport.sentBytes;
    transport.releaseRow();
  }

  hasTransport(handle: TransportHandle): boolean {
    return this.#transports.has(handle | 0);
  }

  /** Takes a track in. Throws where its transport is not open: that is the caller's fault, not the network's. */
  addProducer(params: ProducerParams): Producer {
    const transport = this.#openTransport(params.transport);
    const producer = new Producer(this.#context, transport, params);
    transport.producers.push(producer);
    transport.demux.addProducer(producer);
    this.#context.feedback.producers.push(producer);
    this.#context.arrivals.refresh(transport);
    this.#context.demand.changed(producer);
    return producer;
  }

  /** A track was renegotiated: other ssrcs, codecs or extension ids. Throws where the encodings are not as many as before. */
  updateProducer(producer: Producer, params: ProducerParams, nowUs: MonoUs = this.#lastUs()): void {
    if (producer.closed) return;
    this.#enter(nowUs);
    const count = producer.streams.length;
    if (params.encodings.length !== count) throw new Error(`producer has ${count} encodings`);
    const { demux } = producer.transport;
    demux.removeProducer(producer);
    producer.update(params, this.#nowUs);
    demux.addProducer(producer);
    this.#context.arrivals.refresh(producer.transport);
    this.#context.settle(this.#nowUs);
  }

  /** Ends a track; its consumers are closed and the handler is told, except those that have another source. Idempotent. */
  closeProducer(producer: Producer, nowUs: MonoUs = this.#lastUs()): void {
    if (producer.closed) return;
    this.#enter(nowUs);
    this.#closeProducer(producer);
    this.#context.settle(this.#nowUs);
  }

  /** Sends a track out. Throws where the transport or the producer is not open, or the streams do not fit the mode. */
  addConsumer(producer: Producer, params: ConsumerParams, nowUs: MonoUs = this.#lastUs()): Consumer {
    this.#enter(nowUs);
    const transport = this.#openTransport(params.transport);
    if (producer.closed) throw new Error(`producer of track ${producer.params.trackId} is closed`);
    const streams = params.mode === "all" ? producer.streams.length : 1;
    if (params.streams.length !== streams) throw new Error(`mode ${params.mode} needs ${streams} streams`);
    for (const { ssrc } of params.streams) {
      if (transport.sendStreams.has(ssrc | 0)) throw new Error(`transport ${params.transport} sends ssrc ${ssrc}`);
    }
    if (reportsArrivals(params)) this.#context.bandwidth.open(transport, this.#nowUs);
    const consumer = new Consumer(this.#context, producer, transport, params);
    producer.consumers.push(consumer);
    transport.consumers.push(consumer);
    for (const stream of consumer.streams) {
      transport.sendStreams.set(stream.ssrc, stream);
      if (stream.rtxSsrc !== 0) transport.sendStreams.set(stream.rtxSsrc, stream);
    }
    this.#consumerCount++;
    if (consumer.allocation !== undefined) transport.allocator.add(consumer.allocation, this.#nowUs);
    consumer.wakeAllocation(this.#nowUs);
    this.#context.demand.changed(producer);
    consumer.reselect(this.#nowUs);
    this.#context.settle(this.#nowUs);
    return consumer;
  }

  /** Ends a consumer with BYE. Idempotent. */
  closeConsumer(consumer: Consumer, nowUs: MonoUs = this.#lastUs()): void {
    if (consumer.closed) return;
    this.#enter(nowUs);
    this.#closeConsumer(consumer);
    this.#context.settle(this.#nowUs);
  }

  /**
   * What the network to this transport's peer is thought to carry, audio and repetitions included; infinite where nothing
   * estimates it. Pictures are shared out within it.
   */
  setTargetBitrate(handle: TransportHandle, targetBps: number, nowUs: MonoUs): void {
    const transport = this.#transports.get(handle | 0);
    if (transport !== undefined) this.#context.retarget(transport, targetBps, nowUs);
  }

  /**
   * What all that is sent on a transport would take at its best, bits a second; 0 where that is not known. The estimator looks
   * for as much, and not for more than twice of it.
   */
  setDemand(handle: TransportHandle, demandBps: number, nowUs: MonoUs = this.#lastUs()): void {
    this.#transports.get(handle | 0)?.bandwidth?.estimator.setWanted(demandBps, nowUs);
  }

  /** What is known of the path to a client; undefined where nothing is sent to one on this transport. Fresh; for statistics. */
  bandwidthState(handle: TransportHandle): BandwidthState | undefined {
    const bandwidth = this.#transports.get(handle | 0)?.bandwidth;
    bandwidth?.takeSent();
    return bandwidth?.estimator.state;
  }

  /** Takes a batch of received packets, and sends on what is to be sent. */
  receive(batch: ReceiveBatch, nowUs: MonoUs): void {
    this.#enter(nowUs);
    const { u32, u16, u8, f64 } = batch;
    const { generations } = this.#context.store;
    for (let i = 0; i < batch.count; i++) {
      const word = i * RECEIVE_RECORD_WORDS;
      const transport = this.#transports.get(u32[word] | 0);
      if (transport === undefined) {
        this.drops.add(DropReason.UNKNOWN_TRANSPORT);
        continue;
      }
      const slot = u32[word + 1];
      if (generations[slot] !== u32[word + 2]) {
        this.drops.add(DropReason.SLOT_OVERWRITTEN);
        continue;
      }
      const offset = u16[2 * word + 6];
      const length = u16[2 * word + 7];
      transport.receivedPackets++;
      transport.receivedBytes += length;
      const arrivalUs = f64[(word >> 1) + 3];
      if (u8[4 * word + 16] === ReceiveKind.RTCP) {
        this.#rtcp.receive(transport, slot * this.#context.store.slotBytes + offset, length, arrivalUs, nowUs);
        continue;
      }
      const packet = this.#context.packet;
      packet.arrivalUs = arrivalUs;
      const reason = this.#rtp.receive(transport, slot, u32[word + 2] | 0, offset, length, nowUs);
      if (reason !== DropReason.NONE) this.drops.add(reason);
    }
    this.#context.settle(nowUs);
  }

  /** Takes what became of sent records. */
  onCompletions(batch: CompletionBatch): void {
    const { transports, sentLog } = this.#context;
    const { i32, f64 } = transports;
    for (let i = 0; i < batch.count; i++) {
      const word = i * COMPLETION_RECORD_WORDS;
      const outcome = batch.u8[4 * word + 8];
      if (outcome !== SendOutcome.SENT) {
        this.drops.add(dropReasonOf(outcome));
        continue;
      }
      const row = transports.rowOf(batch.u32[word] | 0);
      if (row < 0) continue;
      const bytes = batch.u32[word + 3];
      f64[(row >> 1) + TransportDouble.SENT_PACKETS]++;
      f64[(row >> 1) + TransportDouble.SENT_BYTES] += bytes;
      if (i32[row + TransportWord.LOGS_SENT] === 0) continue;
      if (sentLog.add(row, batch.u32[word + 1], bytes, batch.f64[(word >> 1) + 2])) continue;
      this.#transports.get(batch.u32[word] | 0)?.bandwidth?.takeSent();
    }
  }

  /** Does what is due: reports, repeated requests, checks. Call at `nextPollUs`, or more often. */
  poll(nowUs: MonoUs): void {
    this.#enter(nowUs);
    if (nowUs >= this.#nextActivityUs) this.#checkActivity(nowUs);
    if (nowUs >= this.#context.reportDueUs) this.#sendReports(nowUs);
    if (nowUs >= this.#context.allocationDueUs) this.#allocate(nowUs);
    this.#context.demand.run(nowUs);
    this.#context.settle(nowUs);
  }

  /** When `poll` has something to do. May lie in the past. */
  nextPollUs(): MonoUs {
    const { reportDueUs, allocationDueUs, feedback, arrivals, bandwidth, demand } = this.#context;
    const mediaDueUs = Math.min(allocationDueUs, feedback.dueUs, arrivals.dueUs, bandwidth.dueUs, demand.dueUs);
    return Math.min(this.#nextActivityUs, reportDueUs, mediaDueUs) as MonoUs;
  }

  /** Fresh counts over the whole engine. */
  stats(): EngineStats {
    let { receivedPackets, receivedBytes, sentPackets, sentBytes, resent } = this.#closed;
    let keyframeRequestsSent = 0;
    const media = this.#closedMedia.copy();
    const held = { published: { audio: 0, video: 0 }, subscribed: { audio: 0, video: 0 } };
    for (const transport of this.#transports.values()) {
      receivedPackets += transport.receivedPackets;
      receivedBytes += transport.receivedBytes;
      sentPackets += transport.sentPackets;
      sentBytes += transport.sentBytes;
      for (const consumer of transport.consumers) {
        media.addConsumer(consumer);
        if (consumer.params.mode === "single") held.subscribed[consumer.producer.params.kind]++;
        for (const stream of consumer.streams) resent += stream.resentPackets;
      }
    }
    for (const producer of this.#context.feedback.producers) {
      media.addProducer(producer);
      if (producer.params.origin === "local") held.published[producer.params.kind]++;
      for (const stream of producer.streams) keyframeRequestsSent += stream.keyframeRequestsSent;
    }
    return {
      transports: this.#transports.size,
      producers: this.#context.feedback.producers.length,
      consumers: this.#consumerCount,
      receivedPackets,
      receivedBytes,
      sentPackets,
      sentBytes,
      forwardedPackets: media.client.sentPackets + media.relay.sentPackets,
      resentPackets: resent,
      keyframeRequestsSent,
      drops: this.drops.snapshot(),
      ...held,
      clientMedia: media.client,
      relayMedia: media.relay,
      quality: this.#context.quality.snapshot(),
    };
  }

  /** Time of the last call, for those that bring none. */
  #lastUs(): MonoUs {
    return this.#nowUs as MonoUs;
  }

  #enter(nowUs: number): void {
    this.#nowUs = nowUs;
    this.#context.nowUs = nowUs;
    this.#context.absSendTime = absSendTimeFromUs(nowUs);
  }

  #openTransport(handle: TransportHandle): EngineTransport {
    const transport = this.#transports.get(handle | 0);
    if (transport === undefined) throw new Error(`transport ${handle} is not open`);
    return transport;
  }

  #closeProducer(producer: Producer): void {
    if (producer.closed) return;
    producer.closed = true;
    for (const consumer of [...producer.consumers]) {
      if (consumer.producerClosed(producer, this.#nowUs)) continue;
      this.#closeConsumer(consumer);
      this.#context.events.consumerClosed(consumer);
    }
    producer.transport.demux.removeProducer(producer);
    removeFrom(producer.transport.producers, producer);
    removeFrom(this.#context.feedback.producers, producer);
    this.#context.arrivals.refresh(producer.transport);
    this.#closedMedia.addProducer(producer);
  }

  #closeConsumer(consumer: Consumer): void {
    if (consumer.closed) return;
    const transport = consumer.transport;
    consumer.close();
    if (consumer.allocation !== undefined) transport.allocator.remove(consumer.allocation, this.#nowUs);
    this.#context.allocationDueUs = Math.min(this.#context.allocationDueUs, transport.allocator.dueUs);
    this.#consumerCount--;
    this.#closedMedia.addConsumer(consumer);
    for (const stream of consumer.streams) {
      this.#closed.resent += stream.resentPackets;
      if (transport.sendStreams.get(stream.ssrc) === stream) transport.sendStreams.delete(stream.ssrc);
      if (transport.sendStreams.get(stream.rtxSsrc) === stream) transport.sendStreams.delete(stream.rtxSsrc);
    }
    sendBye(this.#outbox, consumer);
  }

  #checkActivity(nowUs: number): void {
    this.#nextActivityUs = nowUs + ACTIVITY_CHECK_US;
    const { encodingTimeoutUs } = this.#context.config;
    for (const producer of this.#context.feedback.producers) {
      producer.checkActivity(encodingTimeoutUs, nowUs);
    }
  }

  #allocate(nowUs: number): void {
    let next = Number.POSITIVE_INFINITY;
    const { events } = this.#context;
    for (const transport of this.#transports.values()) {
      if (nowUs >= transport.allocator.dueUs) {
        transport.runAllocation(nowUs, (consumer) => events.allocationChanged(consumer));
        transport.bandwidth?.estimator.setWanted(transport.allocator.demandBps, nowUs);
      }
      if (transport.allocator.dueUs < next) next = transport.allocator.dueUs;
    }
    this.#context.allocationDueUs = next;
  }

  #sendReports(nowUs: number): void {
    let next = Number.POSITIVE_INFINITY;
    for (const transport of this.#transports.values()) {
      if (nowUs >= transport.nextReportUs) {
        this.#reports.send(transport, nowUs);
        transport.nextReportUs = this.#reports.nextReportUs(nowUs);
      }
      if (transport.nextReportUs < next) next = transport.nextReportUs;
    }
    this.#context.reportDueUs = next;
  }
}

/** Whether a client says how packets arrive, so that what its path carries can be known. */
function reportsArrivals({ mode, codecs, extensions }: ConsumerParams): boolean {
  if (mode !== "single") return false;
  return codecs.some(({ feedback }) => feedback.remb || (feedback.transportCc && extensions.transportCc !== 0));
}

function dropReasonOf(outcome: number): DropReason {
  if (outcome === SendOutcome.QUEUE_FULL) return DropReason.SEND_QUEUE_FULL;
  if (outcome === SendOutcome.SLOT_OVERWRITTEN) return DropReason.SEND_SLOT_OVERWRITTEN;
  if (outcome === SendOutcome.NO_TRANSPORT) return DropReason.SEND_NO_TRANSPORT;
  return DropReason.SEND_SOCKET_ERROR;
}

function removeFrom<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}
