import { COMPLETION_RECORD_BYTES, CompletionBatch } from "@cation/engine/completion-batch";
import { Engine } from "@cation/engine/engine";
import type { EngineConfig } from "@cation/engine/engine-config";
import type { EngineHandler } from "@cation/engine/engine-handler";
import type { TransportParams } from "@cation/engine/engine-transport";
import { GatheringSink } from "@cation/engine/gathering-sink";
import type { GatheredPacket } from "@cation/engine/gathering-sink";
import type { TransportHandle } from "@cation/engine/ids";
import { MemoryStore } from "@cation/engine/memory-store";
import { RECEIVE_RECORD_BYTES, ReceiveBatch, ReceiveKind } from "@cation/engine/receive-batch";
import { SendOutcome } from "@cation/engine/send-batch";
import { isRtcp } from "@cation/rtp/demux";
import type { SeededRandom } from "./seeded-random.ts";
import { SrtpIndexGuard } from "./srtp-index-guard.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const COMPLETIONS = 256;

interface Port {
  readonly send: (packet: GatheredPacket) => void;
  readonly guard: SrtpIndexGuard;
}

/** How a simulated node is made. */
export interface SimNodeOptions {
  readonly slotCount?: number;
  readonly batchCapacity?: number;
  readonly config?: Partial<EngineConfig>;
  readonly handler?: Partial<EngineHandler>;
}

/** An engine on the virtual clock: packets come in by `receive`, go out by each transport's `send`, polls happen when due. */
export class SimNode {
  readonly engine: Engine;
  readonly store: MemoryStore;
  /** What must never happen; empty in a sound run. */
  readonly violations: string[] = [];
  readonly #clock: VirtualClock;
  readonly #sink: GatheringSink;
  readonly #ports = new Map<number, Port>();
  readonly #batch = new ReceiveBatch(1);
  readonly #completions = new CompletionBatch(COMPLETIONS);
  readonly #outgoing: GatheredPacket[] = [];
  #nextHandle = 1;
  #armedUs = Number.POSITIVE_INFINITY;

  constructor(clock: VirtualClock, random: SeededRandom, options: SimNodeOptions = {}) {
    this.#clock = clock;
    this.store = new MemoryStore(options.slotCount ?? 4096);
    const capacity = options.batchCapacity ?? 32;
    this.#sink = new GatheringSink(this.store, capacity, (packet) => this.#outgoing.push(packet));
    this.engine = new Engine({
      store: this.store,
      random,
      config: options.config,
      handler: { onProducerStream() {}, ...options.handler },
    });
    this.engine.poll(clock.nowUs);
    this.#arm();
  }

  /** Opens a transport whose packets go to `send`. */
  openTransport(params: TransportParams, send: (packet: GatheredPacket) => void): TransportHandle {
    const handle = this.#nextHandle++ as TransportHandle;
    this.#ports.set(handle, { send, guard: new SrtpIndexGuard() });
    this.engine.openTransport(handle, this.#sink, params);
    this.settle();
    return handle;
  }

  closeTransport(handle: TransportHandle): void {
    this.engine.closeTransport(handle);
    this.settle();
    const port = this.#ports.get(handle);
    if (port !== undefined) this.violations.push(...port.guard.violations);
    this.#ports.delete(handle);
  }

  /** A packet has arrived on a transport. */
  receive(handle: TransportHandle, bytes: Uint8Array): void {
    const slot = this.store.put(bytes);
    const batch = this.#batch;
    batch.u32[0] = handle;
    batch.u32[1] = slot;
    batch.u32[2] = this.store.generations[slot];
    batch.u16[6] = 0;
    batch.u16[7] = bytes.length;
    batch.u8[16] = isRtcp(bytes, 0) ? ReceiveKind.RTCP : ReceiveKind.RTP;
    batch.f64[RECEIVE_RECORD_BYTES / 8 - 1] = this.#clock.nowUs;
    batch.count = 1;
    this.engine.receive(batch, this.#clock.nowUs);
    this.settle();
  }

  /** Sends what a call into the engine left, and sees to the next poll. To be called after each such call. */
  settle(): void {
    if (this.#sink.batch.count !== 0) this.violations.push("records left in the batch");
    for (const packet of this.#outgoing.splice(0)) this.#emit(packet);
    this.#complete();
    this.#arm();
  }

  /** Numbers of an outgoing stream that were never sent. */
  gapsOf(handle: TransportHandle, ssrc: number): number {
    return this.#ports.get(handle)?.guard.gapsOf(ssrc) ?? 0;
  }

  /** All violations so far, those of open transports included. */
  check(): string[] {
    return [...this.violations, ...[...this.#ports.values()].flatMap((port) => port.guard.violations)];
  }

  #emit(packet: GatheredPacket): void {
    const port = this.#ports.get(packet.transport);
    if (port === undefined) {
      this.violations.push(`packet to transport ${packet.transport}, which is closed`);
      return;
    }
    if (packet.rtcp) port.guard.sentRtcp(packet.index);
    else port.guard.sentRtp(packet.bytes, packet.index);
    port.send(packet);
    this.#noteSent(packet);
  }

  #noteSent(packet: GatheredPacket): void {
    const batch = this.#completions;
    if (batch.count === batch.capacity) this.#complete();
    const start = batch.count++ * COMPLETION_RECORD_BYTES;
    batch.u32[start / 4] = packet.transport;
    batch.u32[start / 4 + 1] = packet.token;
    batch.u8[start + 8] = SendOutcome.SENT;
    batch.u32[start / 4 + 3] = packet.bytes.length;
    batch.f64[start / 8 + 2] = this.#clock.nowUs;
  }

  /** Tells the engine what has left. */
  #complete(): void {
    if (this.#completions.count > 0) this.engine.onCompletions(this.#completions);
    this.#completions.count = 0;
  }

  #arm(): void {
    const nextUs = this.engine.nextPollUs();
    if (nextUs >= this.#armedUs) return;
    this.#armedUs = nextUs;
    this.#clock.at(nextUs, () => {
      this.#armedUs = Number.POSITIVE_INFINITY;
      this.engine.poll(this.#clock.nowUs);
      this.settle();
    });
  }
}
