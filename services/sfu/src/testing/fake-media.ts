import type { AllocationItem } from "@cation/engine/allocation/allocation-item";
import type { AllocationTier } from "@cation/engine/allocation/allocation-tier";
import type { Consumer } from "@cation/engine/consumer";
import type { LayerDemand } from "@cation/engine/demand/demand-watcher";
import type { TransportHandle } from "@cation/engine/ids";
import type { ConsumerParams, ProducerParams } from "@cation/engine/parameters";
import type { Producer } from "@cation/engine/producer";
import type { PacketStore } from "@cation/engine/packet-store";
import type { MonoUs } from "@cation/rtp/units";
import type { Clock } from "@cation/service-kit/clock";
import type { TransportState } from "@cation/webrtc/transport-state";
import type { RemoteDescription } from "@cation/webrtc/webrtc-transport";
import type { ClientTransport, ClientTransportOptions } from "../client-transport.ts";
import type { RoomDeps } from "../room.ts";
import type { WishedLayers } from "../track-wish.ts";

export interface FakeProducer {
  params: ProducerParams;
  muted: boolean;
  demand: LayerDemand;
  level: number;
  loudness(): number;
  spokeAtUs: number;
  readonly streams: readonly object[];
  readonly clockRateHz: number;
  markSpoke(nowUs: number): void;
  onDemand: ((demand: LayerDemand) => void) | undefined;
}

export interface FakeConsumer {
  readonly params: ConsumerParams;
  producer: FakeProducer;
  readonly wantedProducer: FakeProducer;
  keepsClock: boolean;
  /** What the receiver reports. */
  reported: { fractionLost: number; jitterUs: number; bytes: number };
  readonly streams: readonly { readonly bytes: number }[];
  readonly transport: object;
  stats(): object[];
  paused: boolean;
  layers: WishedLayers | undefined;
  tier: AllocationTier | undefined;
  allocation: Partial<AllocationItem> | undefined;
  onAllocation: (() => void) | undefined;
  demand?: LayerDemand;
}

/** A transport that connects when a test says so. */
export class FakeTransport implements ClientTransport {
  readonly handle: TransportHandle;
  readonly options: ClientTransportOptions;
  state: TransportState = "new";
  remote: RemoteDescription | undefined;
  restarts = 0;
  closed = false;
  #version = 0;
  readonly #onClosed: () => void;

  constructor(handle: TransportHandle, options: ClientTransportOptions, onClosed: () => void) {
    this.handle = handle;
    this.options = options;
    this.#onClosed = onClosed;
  }

  /** What the WebRTC server would tell. */
  become(state: TransportState): void {
    this.state = state;
    this.options.onState(state);
  }

  describe() {
    this.#version += 1;
    return {
      iceUfrag: `ufrag${this.restarts}`,
      icePwd: "passwordPasswordPassword",
      fingerprint: { algorithm: "sha-256", value: Array.from({ length: 32 }, () => "AA").join(":") },
      candidates: [{ protocol: "udp", address: "127.0.0.1", port: 7300 }] as const,
      sessionId: "1",
      version: this.#version,
    };
  }

  setRemote(remote: RemoteDescription): void {
    this.remote = remote;
  }

  restartIce(): void {
    this.restarts += 1;
  }

  close(): void {
    if (!this.closed) this.#onClosed();
    this.closed = true;
    this.state = "closed";
  }
}

type Media = RoomDeps["media"];

/** A worker without sockets and packets: keeps what it is told, for tests to look at. */
export class FakeMedia implements Media {
  readonly transports = new Set<FakeTransport>();
  readonly producers = new Set<FakeProducer>();
  readonly consumers = new Set<FakeConsumer>();
  readonly links = new Set<TransportHandle>();
  /** Time stands still without one. */
  clock: Clock | undefined;
  readonly store = {} as PacketStore;
  #lastHandle = 0;

  /** All that is held. */
  get held(): number {
    return this.transports.size + this.producers.size + this.consumers.size + this.links.size;
  }

  /** The newest transport. */
  get newest(): FakeTransport {
    const transport = [...this.transports].at(-1);
    if (!transport) throw new Error("no transport");
    return transport;
  }

  nowUs(): MonoUs {
    return ((this.clock?.monotonicMs() ?? 0) * 1_000) as MonoUs;
  }

  openClientTransport(options: ClientTransportOptions): ClientTransport {
    const transport: FakeTransport = new FakeTransport(this.#handle(), options, () =>
      this.transports.delete(transport),
    );
    this.transports.add(transport);
    return transport;
  }

  openLink(): TransportHandle {
    const handle = this.#handle();
    this.links.add(handle);
    return handle;
  }

  closeLink(handle: TransportHandle): void {
    this.links.delete(handle);
  }

  receive(): void {
    // Tests with packets use a real worker.
  }

  addProducer(params: ProducerParams): Producer {
    const demand = { maxSpatialId: params.encodings.length - 1, maxTemporalId: 3 };
    const producer: FakeProducer = {
      params,
      muted: false,
      demand,
      onDemand: undefined,
      level: 0,
      loudness: () => producer.level,
      spokeAtUs: -1,
      streams: [],
      clockRateHz: 48_000,
      markSpoke: (nowUs) => (producer.spokeAtUs = nowUs),
    };
    this.producers.add(producer);
    return producer as unknown as Producer;
  }

  updateProducer(producer: Producer, params: ProducerParams): void {
    (producer as unknown as FakeProducer).params = params;
  }

  closeProducer(producer: Producer): void {
    this.producers.delete(producer as unknown as FakeProducer);
  }

  setDemand(consumer: Consumer, demand: LayerDemand): void {
    (consumer as unknown as FakeConsumer).demand = demand;
  }

  isProducerIdle(producer: Producer): boolean {
    for (const consumer of this.consumers)
      if (consumer.producer === (producer as unknown as FakeProducer)) return false;
    return true;
  }

  setProducerMuted(producer: Producer, muted: boolean): void {
    (producer as unknown as FakeProducer).muted = muted;
  }

  addConsumer(producer: Producer, params: ConsumerParams): Consumer {
    const fake = producer as unknown as FakeProducer;
    const consumer: FakeConsumer = {
      params,
      producer: fake,
      get wantedProducer() {
        return consumer.producer;
      },
      keepsClock: false,
      reported: { fractionLost: -1, jitterUs: -1, bytes: 0 },
      get streams() {
        return [{ bytes: consumer.reported.bytes }];
      },
      transport: {
        rttUs: 30_000,
        allocator: { targetBps: Number.POSITIVE_INFINITY, allocatedBps: 64_000, demandBps: 64_000 },
      },
      stats: () => [
        {
          encoding: 0,
          packets: 1,
          rttUs: 30_000,
          reportedFractionLost: consumer.reported.fractionLost,
          reportedJitterUs: consumer.reported.jitterUs,
        },
      ],
      paused: false,
      layers: undefined,
      tier: undefined,
      allocation: undefined,
      onAllocation: undefined,
    };
    this.consumers.add(consumer);
    return consumer as unknown as Consumer;
  }

  closeConsumer(consumer: Consumer): void {
    this.consumers.delete(consumer as unknown as FakeConsumer);
  }

  setConsumerPaused(consumer: Consumer, paused: boolean): void {
    (consumer as unknown as FakeConsumer).paused = paused;
  }

  watchDemand(producer: Producer, listener: (demand: LayerDemand) => void): void {
    (producer as unknown as FakeProducer).onDemand = listener;
  }

  watchAllocation(consumer: Consumer, listener: () => void): void {
    (consumer as unknown as FakeConsumer).onAllocation = listener;
  }

  setConsumerTier(consumer: Consumer, tier: AllocationTier): void {
    (consumer as unknown as FakeConsumer).tier = tier;
  }

  setConsumerLayers(consumer: Consumer, layers: WishedLayers): void {
    (consumer as unknown as FakeConsumer).layers = layers;
  }

  replaceProducer(consumer: Consumer, producer: Producer, keepsClock = false): void {
    const fake = consumer as unknown as FakeConsumer;
    fake.producer = producer as unknown as FakeProducer;
    fake.keepsClock = keepsClock;
  }

  #handle(): TransportHandle {
    this.#lastHandle += 1;
    return this.#lastHandle as TransportHandle;
  }
}
