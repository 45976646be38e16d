import type { AllocationTier } from "@cation/engine/allocation/allocation-tier";
import type { Consumer } from "@cation/engine/consumer";
import type { LayerDemand } from "@cation/engine/demand/demand-watcher";
import { Engine } from "@cation/engine/engine";
import type { EngineHandler } from "@cation/engine/engine-handler";
import { NO_HEADER_EXTENSIONS } from "@cation/engine/header-extensions";
import type { TransportHandle } from "@cation/engine/ids";
import type { PacketSink } from "@cation/engine/packet-sink";
import type { PacketStore } from "@cation/engine/packet-store";
import type { ConsumerParams, ProducerParams } from "@cation/engine/parameters";
import type { Producer } from "@cation/engine/producer";
import type { Random } from "@cation/engine/random";
import type { ReceiveBatch } from "@cation/engine/receive-batch";
import { SendBatch } from "@cation/engine/send-batch";
import type { MediaIo, RemoteAddress, SrtpKeys } from "@cation/media-io/media-io";
import type { MonoUs } from "@cation/rtp/units";
import type { Clock, Timer } from "@cation/service-kit/clock";
import type { DtlsProvider } from "@cation/webrtc/dtls";
import type { LocalCandidate } from "@cation/webrtc/sdp/local-description";
import type { TransportState } from "@cation/webrtc/transport-state";
import { WebRtcServer } from "@cation/webrtc/webrtc-server";
import type { TransportTimeouts } from "@cation/webrtc/webrtc-transport";
import type { ClientTransport, ClientTransportOpener, ClientTransportOptions } from "./client-transport.ts";
import { MediaMilestones } from "./media-milestones.ts";
import { MediaTimings } from "./media-timings.ts";
import { ProducerMutes } from "./producer-mutes.ts";
import type { PublisherMedia } from "./publisher-connection.ts";
import type { DatagramListener, PeerMedia } from "./relay/peer-media.ts";
import { ReportCounters } from "./quality/report-counters.ts";
import type { RelayMedia } from "./relay/relay-media.ts";
import type { SubscriberMedia } from "./subscribed-track.ts";
import type { WishedLayers } from "./track-wish.ts";

/** No longer than this between two looks at what is due. */
const MAX_POLL_INTERVAL_MS = 10;
/** Timers are no finer than this. */
const MIN_POLL_INTERVAL_MS = 1;
/** How often transports look at the clock: their waits are seconds. */
const WEBRTC_POLL_INTERVAL_US = 250_000;
/** Records of one flush to the I/O backend: as many as it sends in one system call. */
const BATCH_RECORDS = 64;

export interface MediaWorkerOptions {
  /** Open, not started. Closed by the worker. */
  readonly io: MediaIo;
  /** Closed by the worker. */
  readonly dtls: DtlsProvider;
  readonly clock: Clock;
  readonly random: Random;
  /** Addresses at which clients reach the port, most wanted first. */
  readonly announcedAddresses: readonly string[];
  /** Whether passive ICE-TCP is offered too. */
  readonly tcp: boolean;
  readonly timeouts?: Partial<TransportTimeouts>;
}

/**
 * One port, one engine, one thread: everything of a room is on one worker. Wires the I/O backend, the WebRTC server and
 * the engine together and lets time pass in them.
 */
export class MediaWorker implements ClientTransportOpener, PublisherMedia, SubscriberMedia, RelayMedia, PeerMedia {
  readonly io: MediaIo;
  readonly engine: Engine;
  readonly webrtc: WebRtcServer;
  readonly timings = new MediaTimings();
  readonly reports = new ReportCounters();
  readonly #milestones = new MediaMilestones();
  readonly #options: MediaWorkerOptions;
  readonly #sink: PacketSink;
  readonly #mutes = new ProducerMutes();
  readonly #onDemand = new WeakMap<Producer, (demand: LayerDemand) => void>();
  readonly #onAllocation = new WeakMap<Consumer, () => void>();
  readonly #candidates: readonly LocalCandidate[];
  #datagramListener: DatagramListener | undefined;
  #timer: Timer | undefined;
  #timerUs = Number.POSITIVE_INFINITY;
  #nextWebRtcPollUs = 0;
  #closing: Promise<void> | undefined;

  constructor(options: MediaWorkerOptions) {
    const { io, dtls, random, timeouts } = options;
    this.#options = options;
    this.io = io;
    this.engine = new Engine({ store: io.store, random, handler: this.#createHandler() });
    this.webrtc = new WebRtcServer({ mediaIo: io, dtls, ...(timeouts && { timeouts }) });
    this.#sink = createIoSink(io);
    this.#candidates = listCandidates(options);
  }

  get store(): PacketStore {
    return this.io.store;
  }

  nowUs(): MonoUs {
    return this.io.nowUs();
  }

  /** Starts taking packets. Called once. */
  start(): void {
    const { io, engine, webrtc } = this;
    io.start({
      onReceive: (batch) => {
        engine.receive(batch, io.nowUs());
        this.timings.forwarded(batch, io.nowUs());
        this.#pollSooner();
      },
      onDatagram: (bytes, remote, transport, arrivalUs) => {
        if (this.#datagramListener?.(bytes, remote, arrivalUs)) return;
        webrtc.onDatagram(bytes, remote, transport, arrivalUs);
      },
      onCompletions: (batch) => engine.onCompletions(batch),
      onRemoteClosed: (remote) => webrtc.onRemoteClosed(remote),
    });
    this.#poll();
  }

  openClientTransport({ cname, extensions, onState, onMilestone }: ClientTransportOptions): ClientTransport {
    const { engine } = this;
    const openedUs = this.nowUs();
    let wasConnected = false;
    const onStateChange = (state: TransportState): void => {
      if (state === "connected" && !wasConnected) {
        wasConnected = true;
        this.timings.connected(openedUs, this.nowUs());
      }
      onState(state);
    };
    const transport = this.webrtc.createTransport({ handler: { onStateChange } });
    engine.openTransport(transport.handle, this.#sink, { extensions, cname });
    if (onMilestone) this.#milestones.watch(transport.handle, onMilestone);
    const sessionId = String(this.#options.random.nextUint32());
    let version = 0;
    return {
      handle: transport.handle,
      get state() {
        return transport.state;
      },
      describe: () => ({
        iceUfrag: transport.localUfrag,
        icePwd: transport.localPwd,
        fingerprint: this.webrtc.fingerprint,
        candidates: this.#candidates,
        sessionId,
        version: (version += 1),
      }),
      setRemote: (remote) => transport.setRemote(remote),
      restartIce: () => transport.restartIce(),
      close: () => {
        this.#milestones.forget(transport.handle);
        engine.closeTransport(transport.handle);
        transport.close();
      },
    };
  }

  get port(): number {
    return this.io.port;
  }

  openPeer(keys: SrtpKeys): TransportHandle {
    const handle = this.io.openTransport();
    this.io.setSrtpKeys(handle, keys);
    this.engine.openTransport(handle, this.#sink, { extensions: NO_HEADER_EXTENSIONS, cname: "cation-relay" });
    return handle;
  }

  setPeerRemote(handle: TransportHandle, remote: RemoteAddress): void {
    this.io.setRemote(handle, remote);
  }

  sendDatagram(remote: RemoteAddress, bytes: Uint8Array): void {
    this.io.sendDatagram(remote, bytes);
  }

  watchDatagrams(listener: DatagramListener): void {
    this.#datagramListener = listener;
  }

  openLink(sink: PacketSink): TransportHandle {
    const handle = this.io.openTransport();
    this.engine.openTransport(handle, sink, { extensions: NO_HEADER_EXTENSIONS, cname: "cation-relay" });
    return handle;
  }

  closeLink(handle: TransportHandle): void {
    this.engine.closeTransport(handle);
    this.io.closeTransport(handle);
  }

  receive(batch: ReceiveBatch, nowUs: MonoUs): void {
    this.engine.receive(batch, nowUs);
  }

  addProducer(params: ProducerParams): Producer {
    return this.engine.addProducer(params);
  }

  watchDemand(producer: Producer, listener: (demand: LayerDemand) => void): void {
    this.#onDemand.set(producer, listener);
  }

  closeProducer(producer: Producer): void {
    this.engine.closeProducer(producer);
  }

  setDemand(consumer: Consumer, demand: LayerDemand): void {
    consumer.setPreferredLayers(demand, this.nowUs());
  }

  isProducerIdle(producer: Producer): boolean {
    return producer.consumers.length === 0;
  }

  updateProducer(producer: Producer, params: ProducerParams): void {
    this.engine.updateProducer(producer, params);
  }

  setProducerMuted(producer: Producer, muted: boolean): void {
    this.#mutes.setMuted(producer, muted, this.nowUs());
  }

  addConsumer(producer: Producer, params: ConsumerParams, wantedSinceUs?: MonoUs): Consumer {
    const consumer = this.engine.addConsumer(producer, params);
    this.#mutes.apply(consumer, this.nowUs());
    if (wantedSinceUs !== undefined) this.timings.awaitFirstFrame(consumer, wantedSinceUs);
    return consumer;
  }

  watchAllocation(consumer: Consumer, listener: () => void): void {
    this.#onAllocation.set(consumer, listener);
  }

  closeConsumer(consumer: Consumer): void {
    this.timings.forget(consumer);
    this.engine.closeConsumer(consumer);
  }

  setConsumerPaused(consumer: Consumer, paused: boolean): void {
    if (paused) this.timings.forget(consumer);
    this.#mutes.setPaused(consumer, paused, this.nowUs());
  }

  setConsumerTier(consumer: Consumer, tier: AllocationTier): void {
    consumer.setTier(tier, this.nowUs());
  }

  setConsumerLayers(consumer: Consumer, { maxSpatialId, maxTemporalId }: WishedLayers): void {
    const layers = {
      ...(maxSpatialId === undefined ? {} : { maxSpatialId }),
      ...(maxTemporalId === undefined ? {} : { maxTemporalId }),
    };
    consumer.setPreferredLayers(layers, this.nowUs());
  }

  replaceProducer(consumer: Consumer, producer: Producer, keepsClock = false): void {
    consumer.replaceProducer(producer, this.nowUs(), keepsClock);
  }

  /** Closes all transports, then the port. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#timer?.cancel();
    this.webrtc.close();
    await this.io.close();
    this.#options.dtls.close();
  }

  #createHandler(): EngineHandler {
    return {
      onDemand: (producer, demand) => this.#onDemand.get(producer)?.(demand),
      onAllocation: (consumer) => this.#onAllocation.get(consumer)?.(),
      onProducerStream: (producer) => this.#milestones.received(producer, "first rtp received"),
      onProducerKeyframe: (producer) => this.#milestones.received(producer, "first keyframe received"),
      onConsumerSource: (consumer) => {
        this.timings.sourced(consumer, this.nowUs());
        this.#milestones.sourced(consumer);
      },
      onConsumerClosed: (consumer) => this.timings.forget(consumer),
    };
  }

  /** What has come may have put packets into a pacer, whose turn is before the next poll. */
  #pollSooner(): void {
    const dueUs = Math.max(this.engine.nextPollUs(), this.nowUs() + 1_000 * MIN_POLL_INTERVAL_MS);
    if (dueUs > this.#timerUs - 1_000 * MIN_POLL_INTERVAL_MS) return;
    this.#timer?.cancel();
    this.#timerUs = dueUs;
    this.#timer = this.#options.clock.setTimer((dueUs - this.nowUs()) / 1_000, () => this.#poll());
  }

  #poll(): void {
    if (this.#closing) return;
    const nowUs = this.nowUs();
    this.engine.poll(nowUs);
    if (nowUs >= this.#nextWebRtcPollUs) {
      this.#nextWebRtcPollUs = nowUs + WEBRTC_POLL_INTERVAL_US;
      this.webrtc.poll(nowUs);
    }
    const dueMs = (this.engine.nextPollUs() - nowUs) / 1_000;
    const delayMs = Math.min(Math.max(dueMs, MIN_POLL_INTERVAL_MS), MAX_POLL_INTERVAL_MS);
    this.#timerUs = nowUs + 1_000 * delayMs;
    this.#timer = this.#options.clock.setTimer(delayMs, () => this.#poll());
  }
}

/** One sink for all transports of the backend. */
function createIoSink(io: MediaIo): PacketSink {
  const batch = new SendBatch(BATCH_RECORDS);
  return {
    batch,
    flush() {
      io.send(batch);
      batch.count = 0;
    },
  };
}

function listCandidates({ io, announcedAddresses, tcp }: MediaWorkerOptions): LocalCandidate[] {
  const protocols = tcp ? (["udp", "tcp"] as const) : (["udp"] as const);
  return protocols.flatMap((protocol) => announcedAddresses.map((address) => ({ protocol, address, port: io.port })));
}
