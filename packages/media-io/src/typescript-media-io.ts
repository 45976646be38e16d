import type { RemoteInfo } from "node:dgram";
import type { Server } from "node:net";
import type { TransportHandle } from "@cation/engine/ids";
import { ReceiveKind } from "@cation/engine/receive-batch";
import { SendKind, SendOutcome, type SendBatch } from "@cation/engine/send-batch";
import { classifyDatagram, DatagramKind, isRtcp } from "@cation/rtp/demux";
import type { MonoUs } from "@cation/rtp/units";
import { bindPorts } from "./bind-ports.ts";
import { CompletionQueue } from "./completion-queue.ts";
import { IceTcpServer } from "./ice-tcp-server.ts";
import type { MediaIo, MediaIoCounters, MediaIoHandler, MediaIoOptions, RemoteAddress, SrtpKeys } from "./media-io.ts";
import { MediaIoCounterSet } from "./media-io-counter-set.ts";
import { MonotonicClock } from "./monotonic-clock.ts";
import { PendingSends, type PendingSend } from "./pending-sends.ts";
import { ReceiveQueue } from "./receive-queue.ts";
import { canonicalRemote, peerAddress, socketAddress } from "./remote-address.ts";
import { RemoteMap } from "./remote-map.ts";
import { DEFAULT_SLOT_COUNT, RingPacketStore, SLOT_BYTES } from "./ring-packet-store.ts";
import { SendRecordView } from "./send-record.ts";
import { SrtpContext } from "./srtp-context.ts";
import { hasStunFrame } from "./stun-check.ts";
import { TransportTable } from "./transport-table.ts";
import { bindUdpSocket, DEFAULT_SOCKET_BUFFER_BYTES, type BoundUdpSocket } from "./udp-socket.ts";

/** Packets that may wait for the socket; further ones are dropped as QUEUE_FULL. */
const MAX_PENDING_SENDS = 8192;

interface Transport {
  readonly handle: TransportHandle;
  remote: RemoteAddress | undefined;
  srtp: SrtpContext | undefined;
}

/**
 * Opens the backend that needs nothing but Node: node:dgram and node:crypto. Rejects with the socket's error, or with a
 * RangeError for a bad `slotCount`.
 */
export async function openTypescriptMediaIo(options: MediaIoOptions): Promise<TypescriptMediaIo> {
  const store = RingPacketStore.create(options.slotCount ?? DEFAULT_SLOT_COUNT);
  const bufferBytes = options.socketBufferBytes ?? DEFAULT_SOCKET_BUFFER_BYTES;
  const { udp, tcp } = await bindPorts(options, (port) => bindUdpSocket(options.host, port, bufferBytes));
  return new TypescriptMediaIo(udp, tcp, store, options);
}

/** The TypeScript backend; made by {@link openTypescriptMediaIo}. */
export class TypescriptMediaIo implements MediaIo {
  readonly backend = "typescript";
  readonly store: RingPacketStore;
  readonly port: number;
  /** Says what to change where the kernel gave smaller socket buffers than wanted. */
  readonly socketWarnings: readonly string[];

  readonly #clock = new MonotonicClock();
  readonly #udp: BoundUdpSocket;
  readonly #tcp: IceTcpServer | undefined;
  readonly #transports = new TransportTable<Transport>();
  readonly #byRemote = new RemoteMap<Transport>();
  readonly #counters = new MediaIoCounterSet();
  readonly #received = new ReceiveQueue();
  readonly #completions = new CompletionQueue();
  readonly #pending: PendingSends;
  readonly #record = new SendRecordView();
  /** Where packets for TCP peers are made; copied when they are written. */
  readonly #tcpScratch: PendingSend;
  #handler: MediaIoHandler | undefined;
  #deliveryDue: NodeJS.Immediate | undefined;
  #closing: Promise<void> | undefined;

  constructor(udp: BoundUdpSocket, tcp: Server | undefined, store: RingPacketStore, options: MediaIoOptions) {
    this.#udp = udp;
    this.store = store;
    this.port = udp.port;
    this.socketWarnings = udp.warnings;
    this.#pending = new PendingSends(MAX_PENDING_SENDS, (send, error) => this.#sent(send, error));
    this.#tcpScratch = new PendingSends(1, () => {}).take() as PendingSend;
    this.#tcp = tcp && new IceTcpServer(tcp, this.#tcpHandler(), options.tcpLimits);
    udp.socket.on("message", (bytes, info) => this.#onMessage(bytes, info));
    // Errors of single datagrams (ICMP); the socket lives on.
    udp.socket.on("error", () => {});
  }

  nowUs(): MonoUs {
    return this.#clock.nowUs();
  }

  start(handler: MediaIoHandler): void {
    this.#handler = handler;
  }

  openTransport(): TransportHandle {
    return this.#transports.open((handle) => ({ handle, remote: undefined, srtp: undefined })).handle;
  }

  closeTransport(transport: TransportHandle): void {
    const entry = this.#transports.close(transport);
    if (entry === undefined) return;
    const remote = entry.remote;
    this.#dropRemote(entry);
    if (remote?.protocol === "tcp") this.#tcp?.disconnect(remote);
  }

  setRemote(transport: TransportHandle, remote: RemoteAddress): void {
    const entry = this.#transports.get(transport);
    if (entry === undefined) return;
    this.#dropRemote(entry);
    const canonical = canonicalRemote(remote);
    if (canonical === undefined) return;
    const holder = this.#byRemote.get(canonical.protocol, canonical.address, canonical.port);
    if (holder !== undefined) this.#dropRemote(holder);
    entry.remote = canonical;
    this.#byRemote.set(canonical, entry);
    if (canonical.protocol === "tcp") this.#tcp?.claim(canonical, true);
  }

  setSrtpKeys(transport: TransportHandle, keys: SrtpKeys): void {
    const srtp = new SrtpContext(keys);
    const entry = this.#transports.get(transport);
    if (entry !== undefined) entry.srtp = srtp;
  }

  sendDatagram(remote: RemoteAddress, bytes: Uint8Array): void {
    const canonical = canonicalRemote(remote);
    if (this.#closing || canonical === undefined || bytes.length > SLOT_BYTES) {
      this.#counters.sendOutcome(SendOutcome.SOCKET_ERROR, 0);
      return;
    }
    if (canonical.protocol === "tcp") {
      this.#counters.sendOutcome(this.#sendTcp(canonical, bytes), bytes.length);
      this.#tcp?.flush();
      return;
    }
    const send = this.#pending.take();
    if (send === undefined) {
      this.#counters.sendOutcome(SendOutcome.QUEUE_FULL, 0);
      return;
    }
    send.fromRecord = false;
    send.bytes.set(bytes, 0);
    send.wireBytes = bytes.length;
    this.#sendUdp(canonical, send);
  }

  send(batch: SendBatch): void {
    if (this.#closing) return;
    for (let position = 0; position < batch.count; position++) this.#sendRecord(batch, position);
    this.#tcp?.flush();
  }

  counters(): MediaIoCounters {
    return this.#counters.snapshot();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#handler = undefined;
    clearImmediate(this.#deliveryDue);
    await Promise.all([this.#tcp?.close(), new Promise<void>((resolve) => this.#udp.socket.close(() => resolve()))]);
  }

  #sendRecord(batch: SendBatch, position: number): void {
    const record = this.#record;
    record.set(batch, position);
    const entry = this.#transports.get(record.transport);
    const remote = entry?.remote;
    if (entry?.srtp === undefined || remote === undefined) {
      this.#complete(SendOutcome.NO_TRANSPORT, 0);
      return;
    }
    if (!record.isValid(this.store)) {
      this.#complete(SendOutcome.SOCKET_ERROR, 0);
      return;
    }
    if (record.restBytes > 0 && this.store.generations[record.slot] !== record.generation) {
      this.#complete(SendOutcome.SLOT_OVERWRITTEN, 0);
      return;
    }
    const send = remote.protocol === "udp" ? this.#pending.take() : this.#tcpScratch;
    if (send === undefined) {
      this.#complete(SendOutcome.QUEUE_FULL, 0);
      return;
    }
    const length = record.gather(batch, this.store, send.bytes);
    send.wireBytes =
      record.kind === SendKind.RTP
        ? entry.srtp.protectRtp(send.bytes, length, record.headerBytes, record.index)
        : entry.srtp.protectRtcp(send.bytes, length, record.index);
    if (remote.protocol === "udp") {
      send.fromRecord = true;
      send.transport = record.transport;
      send.token = record.token;
      this.#sendUdp(remote, send);
    } else {
      const outcome = this.#sendTcp(remote, send.bytes.subarray(0, send.wireBytes));
      this.#complete(outcome, send.wireBytes);
    }
  }

  #sendUdp(remote: RemoteAddress, send: PendingSend): void {
    const address = socketAddress(remote.address, this.#udp.family);
    this.#udp.socket.send(send.bytes, 0, send.wireBytes, remote.port, address, send.done);
  }

  #sendTcp(remote: RemoteAddress, bytes: Uint8Array): SendOutcome {
    const result = this.#tcp?.send(remote, bytes) ?? "unknown-peer";
    if (result === "sent") return SendOutcome.SENT;
    return result === "slow-reader" ? SendOutcome.QUEUE_FULL : SendOutcome.SOCKET_ERROR;
  }

  /** The kernel has taken a packet, or refused it. */
  #sent(send: PendingSend, error: Error | null): void {
    const outcome = error ? SendOutcome.SOCKET_ERROR : SendOutcome.SENT;
    this.#counters.sendOutcome(outcome, send.wireBytes);
    if (send.fromRecord) {
      const { transport, token, wireBytes } = send;
      this.#completions.push(transport, token, outcome, wireBytes, this.nowUs());
      this.#deliverSoon();
    }
    this.#pending.release(send);
  }

  /** Counts and reports the record in hand. */
  #complete(outcome: SendOutcome, wireBytes: number): void {
    const record = this.#record;
    this.#counters.sendOutcome(outcome, wireBytes);
    this.#completions.push(record.transport, record.token, outcome, wireBytes, this.nowUs());
    this.#deliverSoon();
  }

  #onMessage(bytes: Buffer, info: RemoteInfo): void {
    const address = peerAddress(info.address);
    const entry = this.#byRemote.get("udp", address, info.port);
    this.#receive(bytes, "udp", address, info.port, entry);
  }

  #tcpHandler(): ConstructorParameters<typeof IceTcpServer>[1] {
    return {
      onFrame: (frame, { address, port }) =>
        this.#receive(frame, "tcp", address, port, this.#byRemote.get("tcp", address, port)),
      onRejected: () => this.#counters.receiveDrop("tcp-framing"),
      onClosed: (remote) => {
        const entry = this.#byRemote.get("tcp", remote.address, remote.port);
        if (entry !== undefined) this.#dropRemote(entry);
        this.#handler?.onRemoteClosed(remote);
      },
    };
  }

  /** Sorts a packet by its first byte (RFC 7983). `bytes` may be changed. */
  #receive(
    bytes: Uint8Array,
    protocol: RemoteAddress["protocol"],
    address: string,
    port: number,
    entry: Transport | undefined,
  ): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    if (bytes.length === 0) return this.#counters.receiveDrop("truncated");
    if (bytes.length > SLOT_BYTES) return this.#counters.receiveDrop("oversized");
    const kind = classifyDatagram(bytes[0]);
    if (kind === DatagramKind.RTP) return this.#receiveMedia(bytes, entry);
    if (kind !== DatagramKind.STUN && kind !== DatagramKind.DTLS) {
      return this.#counters.receiveDrop("unknown-protocol");
    }
    if (kind === DatagramKind.STUN && !hasStunFrame(bytes)) {
      return this.#counters.receiveDrop("unknown-protocol");
    }
    if (kind === DatagramKind.DTLS && entry === undefined) {
      return this.#counters.receiveDrop("unknown-source");
    }
    this.#counters.received(bytes.length);
    handler.onDatagram(bytes, { protocol, address, port }, entry?.handle ?? 0, this.nowUs());
  }

  #receiveMedia(bytes: Uint8Array, entry: Transport | undefined): void {
    if (entry === undefined) return this.#counters.receiveDrop("unknown-source");
    if (entry.srtp === undefined) return this.#counters.receiveDrop("no-keys");
    const rtcp = isRtcp(bytes, 0);
    const result = rtcp ? entry.srtp.unprotectRtcp(bytes) : entry.srtp.unprotectRtp(bytes);
    if (typeof result === "string") return this.#counters.receiveDrop(result);
    this.#counters.received(bytes.length);
    if (this.#received.full) this.#deliver();
    const slot = this.store.allocate();
    this.store.bytes.set(bytes.subarray(0, result), slot * SLOT_BYTES);
    const kind = rtcp ? ReceiveKind.RTCP : ReceiveKind.RTP;
    const generation = this.store.generations[slot];
    this.#received.push(entry.handle, slot, generation, result, kind, this.nowUs());
    this.#deliverSoon();
  }

  /** What this turn of the event loop brings is delivered at its end. */
  #deliverSoon(): void {
    if (this.#handler === undefined) return;
    this.#deliveryDue ??= setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    clearImmediate(this.#deliveryDue);
    this.#deliveryDue = undefined;
    if (!this.#received.empty) this.#handler?.onReceive(this.#received.take());
    if (!this.#completions.empty) this.#handler?.onCompletions(this.#completions.take());
  }

  #dropRemote(entry: Transport): void {
    if (entry.remote === undefined) return;
    this.#byRemote.delete(entry.remote);
    if (entry.remote.protocol === "tcp") this.#tcp?.claim(entry.remote, false);
    entry.remote = undefined;
  }
}
