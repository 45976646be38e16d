import type { Server } from "node:net";
import type { TransportHandle } from "@cation/engine/ids";
import { SendOutcome, type SendBatch } from "@cation/engine/send-batch";
import type { MonoUs } from "@cation/rtp/units";
import { bindPorts } from "./bind-ports.ts";
import { Delivery } from "./delivery.ts";
import {
  RECEIVE_DROP_REASONS,
  type MediaIo,
  type MediaIoCounters,
  type MediaIoHandler,
  type MediaIoOptions,
  type ReceiveDropReason,
  type RemoteAddress,
  type SrtpKeys,
} from "./media-io.ts";
import { MediaIoCounterSet } from "./media-io-counter-set.ts";
import { MonotonicClock } from "./monotonic-clock.ts";
import type { NativeAddon } from "./native-addon.ts";
import { NATIVE_COUNTERS, NATIVE_MAX_RUN } from "./native-records.ts";
import { NativeSocket } from "./native-socket.ts";
import { PacketSorter } from "./packet-sorter.ts";
import { canonicalRemote } from "./remote-address.ts";
import { DEFAULT_SLOT_COUNT, RingPacketStore, SLOT_BYTES } from "./ring-packet-store.ts";
import { SendRecordView } from "./send-record.ts";
import { checkSrtpKeys } from "./srtp-key-derivation.ts";
import { TcpMedia } from "./tcp-media.ts";
import { TransportTable } from "./transport-table.ts";

/** Completion batches handed over in one turn; a handler that sends for each completion would never end otherwise. */
const MAX_BATCHES_A_TURN = 64;

/**
 * Opens the native backend: UDP, SRTP and sender threads in the addon, ICE-TCP in TypeScript. Rejects with the socket's
 * error, or with a RangeError for a bad `slotCount`.
 */
export async function openNativeMediaIo(addon: NativeAddon, options: MediaIoOptions): Promise<NativeMediaIo> {
  const store = RingPacketStore.create(options.slotCount ?? DEFAULT_SLOT_COUNT);
  const { udp, tcp } = await bindPorts(options, (port) => new NativeSocket(addon, store, { ...options, port }));
  return new NativeMediaIo(udp, tcp, store, options);
}

/** The native backend; made by {@link openNativeMediaIo}. */
export class NativeMediaIo implements MediaIo {
  readonly backend = "native";
  readonly store: RingPacketStore;
  readonly port: number;
  /** Says what to change where the kernel gave smaller socket buffers than wanted. */
  readonly socketWarnings: readonly string[];

  readonly #socket: NativeSocket;
  readonly #tcp: TcpMedia | undefined;
  readonly #clock = new MonotonicClock();
  /** Of the TCP side, and of what never reached native code. */
  readonly #counters = new MediaIoCounterSet();
  readonly #delivery = new Delivery((handler) => this.#drainCompletions(handler));
  readonly #transports = new TransportTable<TransportHandle>();
  readonly #record = new SendRecordView();
  #tcpPositions = new Uint32Array(256);
  /** The handler is being called by native code: completions follow when it returns. */
  #waking = false;
  #closing: Promise<void> | undefined;

  constructor(socket: NativeSocket, tcp: Server | undefined, store: RingPacketStore, options: MediaIoOptions) {
    this.#socket = socket;
    this.store = store;
    this.port = socket.port;
    this.socketWarnings = socket.warnings;
    socket.onWake = (recordCount, datagramCount) => this.#wake(recordCount, datagramCount);
    socket.onCompletions = () => this.#delivery.now();
    if (tcp !== undefined) this.#tcp = this.#openTcp(tcp, options);
  }

  nowUs(): MonoUs {
    return this.#clock.nowUs();
  }

  start(handler: MediaIoHandler): void {
    this.#delivery.start(handler);
    this.#socket.native.start();
  }

  openTransport(): TransportHandle {
    const transport = this.#transports.open((handle) => handle);
    this.#socket.native.openTransport(transport);
    return transport;
  }

  closeTransport(transport: TransportHandle): void {
    if (this.#transports.close(transport) === undefined) return;
    this.#tcp?.disconnect(transport);
    this.#socket.native.closeTransport(transport);
    this.#deliverSoon();
  }

  setRemote(transport: TransportHandle, remote: RemoteAddress): void {
    if (this.#transports.get(transport) === undefined) return;
    const canonical = canonicalRemote(remote);
    if (canonical?.protocol === "udp") {
      this.#tcp?.release(transport);
      this.#socket.native.setUdpRemote(transport, canonical.address, canonical.port);
    } else if (canonical !== undefined && this.#tcp !== undefined) {
      this.#tcp.release(transport);
      const loser = this.#tcp.setRemote(transport, canonical);
      if (loser !== undefined) this.#loseRemote(loser);
      this.#socket.native.setTcpRemote(transport);
    } else {
      this.#loseRemote(transport);
    }
    this.#deliverSoon();
  }

  setSrtpKeys(transport: TransportHandle, keys: SrtpKeys): void {
    checkSrtpKeys(keys);
    const { profile, localKey, localSalt, remoteKey, remoteSalt } = keys;
    this.#socket.native.setKeys(transport, profile, localKey, localSalt, remoteKey, remoteSalt);
  }

  sendDatagram(remote: RemoteAddress, bytes: Uint8Array): void {
    const canonical = canonicalRemote(remote);
    if (canonical?.protocol === "tcp" && this.#tcp !== undefined && !this.#closing) {
      this.#tcp.sendDatagram(canonical, bytes);
      return;
    }
    const sent =
      canonical?.protocol === "udp" &&
      bytes.length <= SLOT_BYTES &&
      this.#socket.native.sendDatagram(canonical.address, canonical.port, bytes);
    if (!sent) this.#counters.sendOutcome(SendOutcome.SOCKET_ERROR, 0);
  }

  send(batch: SendBatch): void {
    const { count } = batch;
    if (this.#tcpPositions.length < count) this.#tcpPositions = new Uint32Array(2 * count);
    const tcpCount = this.#socket.native.send(batch.u8, count, this.#tcpPositions);
    for (let i = 0; i < tcpCount; i++) {
      this.#record.set(batch, this.#tcpPositions[i]);
      this.#tcp?.sendRecord(batch, this.#record);
    }
    if (tcpCount > 0) this.#tcp?.flush();
    this.#deliverSoon();
  }

  counters(): MediaIoCounters {
    const numbers = new Float64Array(NATIVE_COUNTERS);
    this.#socket.native.counters(numbers);
    return this.#counters.snapshot(fromNumbers(numbers));
  }

  /** Messages sent so far by number of packets in them (index): more than one went by UDP GSO. For benchmarks. */
  gsoRuns(): Float64Array {
    const runs = new Float64Array(NATIVE_MAX_RUN + 1);
    this.#socket.native.runs(runs);
    return runs;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#delivery.stop();
    await Promise.all([this.#tcp?.close(), this.#socket.close()]);
  }

  #openTcp(server: Server, options: MediaIoOptions): TcpMedia {
    const parts = {
      store: this.store,
      counters: this.#counters,
      delivery: this.#delivery,
      clock: this.#clock,
    };
    const { native } = this.#socket;
    const sorter = new PacketSorter(parts, (transport, packet, kind) => {
      const result = native.unprotect(transport, packet, kind);
      return result >= 0 ? result : RECEIVE_DROP_REASONS[-1 - result];
    });
    return new TcpMedia(
      server,
      options.tcpLimits,
      parts,
      sorter,
      (transport, packet, length, headerBytes, index, kind) =>
        native.protect(transport, packet, length, headerBytes, index, kind),
      (transport) => this.#loseRemote(transport),
    );
  }

  /** Called by native code from the event loop. */
  #wake(recordCount: number, datagramCount: number): void {
    const { received, datagrams } = this.#socket;
    this.#waking = true;
    datagrams.deliver(datagramCount, () => this.#delivery.handler);
    if (recordCount > 0) {
      received.count = recordCount;
      this.#delivery.handler?.onReceive(received);
    }
    this.#waking = false;
    this.#delivery.now();
  }

  #drainCompletions(handler: MediaIoHandler): void {
    for (let batches = 0; batches < MAX_BATCHES_A_TURN; batches++) {
      if (!this.#socket.takeCompletions()) return;
      const { completions } = this.#socket;
      const more = completions.count === completions.capacity;
      handler.onCompletions(completions);
      if (!more) return;
    }
    this.#delivery.soon();
  }

  #deliverSoon(): void {
    if (!this.#waking) this.#delivery.soon();
  }

  #loseRemote(transport: TransportHandle): void {
    this.#tcp?.release(transport);
    this.#socket.native.clearRemote(transport);
  }
}

/** The numbers of native code, in their order there. */
function fromNumbers(numbers: Float64Array): MediaIoCounters {
  const drops = RECEIVE_DROP_REASONS.map((reason, i) => [reason, numbers[2 + i]] as const);
  const sent = 2 + RECEIVE_DROP_REASONS.length;
  const outcomes = numbers.subarray(sent + 2);
  return {
    receivedPackets: numbers[0],
    receivedBytes: numbers[1],
    sentPackets: numbers[sent],
    sentBytes: numbers[sent + 1],
    receiveDrops: Object.fromEntries(drops) as Record<ReceiveDropReason, number>,
    sendDrops: {
      queueFull: outcomes[SendOutcome.QUEUE_FULL],
      slotOverwritten: outcomes[SendOutcome.SLOT_OVERWRITTEN],
      noTransport: outcomes[SendOutcome.NO_TRANSPORT],
      socketError: outcomes[SendOutcome.SOCKET_ERROR],
    },
  };
}
