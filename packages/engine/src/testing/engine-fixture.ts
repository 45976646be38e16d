import type { MonoUs } from "@cation/rtp/units";
import type { Consumer } from "../consumer.ts";
import type { EngineConfig } from "../engine-config.ts";
import { Engine } from "../engine.ts";
import type { EngineHandler } from "../engine-handler.ts";
import { GatheringSink } from "../gathering-sink.ts";
import type { GatheredPacket } from "../gathering-sink.ts";
import type { TransportHandle } from "../ids.ts";
import { MemoryStore } from "../memory-store.ts";
import type { Producer } from "../producer.ts";
import type { Random } from "../random.ts";
import { RECEIVE_RECORD_BYTES, ReceiveBatch } from "../receive-batch.ts";
import { PUBLISHER_EXTENSIONS } from "./codecs.ts";

/** A generator that is good enough for unit tests. */
export class CountingRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  nextUint32(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state;
  }
}

/** An engine with everything it needs, driven by hand. */
export class EngineFixture {
  readonly store: MemoryStore;
  readonly sink: GatheringSink;
  readonly engine: Engine;
  /** What went out since the last `take`. */
  readonly sent: GatheredPacket[] = [];
  readonly started: { producer: Producer; encoding: number }[] = [];
  readonly stopped: { producer: Producer; encoding: number }[] = [];
  readonly closedConsumers: Consumer[] = [];
  nowUs = 1_000_000;
  readonly #batch = new ReceiveBatch(64);

  constructor(
    config: Partial<EngineConfig> = {},
    slotCount = 1024,
    batchCapacity = 8,
    handler: Partial<EngineHandler> = {},
  ) {
    this.store = new MemoryStore(slotCount);
    this.sink = new GatheringSink(this.store, batchCapacity, (packet) => this.sent.push(packet));
    this.engine = new Engine({
      store: this.store,
      random: new CountingRandom(7),
      config,
      handler: {
        onProducerStream: (producer, encoding) => this.started.push({ producer, encoding }),
        onProducerStreamStopped: (producer, encoding) => this.stopped.push({ producer, encoding }),
        onConsumerClosed: (consumer) => this.closedConsumers.push(consumer),
        ...handler,
      },
    });
    this.engine.poll(this.nowUs as MonoUs);
  }

  openTransport(handle: number): TransportHandle {
    const transport = handle as TransportHandle;
    this.engine.openTransport(transport, this.sink, { extensions: PUBLISHER_EXTENSIONS, cname: "test" });
    return transport;
  }

  /** Lets time pass, polling as the engine asks for it. */
  advance(us: number): void {
    const endUs = this.nowUs + us;
    for (let nextUs = this.engine.nextPollUs(); nextUs <= endUs; nextUs = this.engine.nextPollUs()) {
      this.nowUs = Math.max(this.nowUs + 1, nextUs);
      this.engine.poll(this.nowUs as MonoUs);
    }
    this.nowUs = endUs;
  }

  /** Hands packets to the engine in one batch. */
  receive(transport: TransportHandle, ...packets: Uint8Array[]): void {
    this.#batch.count = 0;
    for (const packet of packets) this.#add(transport, packet);
    this.engine.receive(this.#batch, this.nowUs as MonoUs);
  }

  /** What went out since the last call. */
  take(): GatheredPacket[] {
    return this.sent.splice(0);
  }

  takeRtp(): GatheredPacket[] {
    return this.take().filter((packet) => !packet.rtcp);
  }

  takeRtcp(): GatheredPacket[] {
    return this.take().filter((packet) => packet.rtcp);
  }

  #add(transport: TransportHandle, packet: Uint8Array): void {
    const slot = this.store.put(packet);
    const batch = this.#batch;
    const start = batch.count++ * RECEIVE_RECORD_BYTES;
    batch.u32[start / 4] = transport;
    batch.u32[start / 4 + 1] = slot;
    batch.u32[start / 4 + 2] = this.store.generations[slot];
    batch.u16[start / 2 + 6] = 0;
    batch.u16[start / 2 + 7] = packet.length;
    batch.u8[start + 16] = packet[1] >= 192 && packet[1] <= 223 ? 1 : 0;
    batch.f64[start / 8 + 3] = this.nowUs;
  }
}
