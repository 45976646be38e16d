import type { RemoteInfo } from "node:dgram";
import type { Server } from "node:net";
import type { TransportHandle } from "@cation/engine/ids";
import { ReceiveKind } from "@cation/engine/receive-batch";
import { SendKind, SendOutcome, type SendBatch } from "@cation/engine/send-batch";
import type { MonoUs } from "@cation/rtp/units";
import { bindPorts } from "./bind-ports.ts";
import { Delivery } from "./delivery.ts";
import type { MediaIo, MediaIoCounters, MediaIoHandler, MediaIoOptions, RemoteAddress, SrtpKeys } from "./media-io.ts";
import { MediaIoCounterSet } from "./media-io-counter-set.ts";
import { MonotonicClock } from "./monotonic-clock.ts";
import { PacketSorter } from "./packet-sorter.ts";
import { PendingSends, type PendingSend } from "./pending-sends.ts";
import { canonicalRemote, peerAddress, socketAddress } from "./remote-address.ts";
import { RemoteMap } from "./remote-map.ts";
import { DEFAULT_SLOT_COUNT, RingPacketStore, SLOT_BYTES } from "./ring-packet-store.ts";
import { SendRecordView } from "./send-record.ts";
import { SrtpContext } from "./srtp-context.ts";
import { TcpMedia } from "./tcp-media.ts";
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

/** The TypeScript backend; made by {@link openTypescriptMediaIo}. The kernel's own drops it cannot see. */
export class TypescriptMediaIo implements MediaIo {
  readonly backend = "typescript";
  readonly store: RingPacketStore;
  readonly port: number;
  /** Says what to change where the kernel gave smaller socket buffers than wanted. */
  readonly socketWarnings: readonly string[];

  readonly #udp: BoundUdpSocket;
  readonly #tcp: TcpMedia | undefined;
  readonly #clock = new MonotonicClock();
  readonly #counters = new MediaIoCounterSet();
  readonly #delivery = new Delivery();
  readonly #sorter: PacketSorter;
  readonly #transports = new TransportTable<Transport>();
  readonly #byUdpRemote = new RemoteMap<Transport>();
  readonly #pending: PendingSends;
  readonly #record = new SendRecordView();
  #closing: Promise<void> | undefined;

  constructor(udp: BoundUdpSocket, tcp: Server | undefined, store: RingPacketStore, options: MediaIoOptions) {
    this.#udp = udp;
    this.store = store;
    this.port = udp.port;
    this.socketWarnings = udp.warnings;
    this.#pending = new PendingSends(MAX_PENDING_SENDS, (send, error) => this.#sent(send, error));
    const parts = {
      store,
      counters: this.#counters,
      delivery: this.#delivery,
      clock: this.#clock,
    };
    this.#sorter = new PacketSorter(parts, (transport, packet, kind) => {
      const srtp = this.#transports.get(transport)?.srtp;
      if (srtp === undefined) return "no-keys";
      return kind === ReceiveKind.RTCP ? srtp.unprotectRtcp(packet) : srtp.unprotectRtp(packet);
    });
    if (tcp !== undefined) {
      this.#tcp = new TcpMedia(
        tcp,
        options.tcpLimits,
        parts,
        this.#sorter,
        (transport, packet, length, headerBytes, index, kind) => {
          const srtp = this.#transports.get(transport)?.srtp;
          return srtp === undefined ? 0 : protect(srtp, packet, length, headerBytes, index, kind);
        },
        (transport) => this.#loseRemote(this.#transports.get(transport)),
      );
    }
    udp.socket.on("message", (bytes, info) => this.#onMessage(bytes, info));
    // Errors of single datagrams (ICMP); the socket lives on.
    udp.socket.on("error", () => {});
  }

  nowUs(): MonoUs {
    return this.#clock.nowUs();
  }

  start(handler: MediaIoHandler): void {
    this.#delivery.start(handler);
  }

  openTransport(): TransportHandle {
    return this.#transports.open((handle) => ({ handle, remote: undefined, srtp: undefined })).handle;
  }

  closeTransport(transport: TransportHandle): void {
    const entry = this.#transports.close(transport);
    if (entry?.remote?.protocol === "tcp") this.#tcp?.disconnect(transport);
    this.#loseRemote(entry);
  }

  setRemote(transport: TransportHandle, remote: RemoteAddress): void {
    const entry = this.#transports.get(transport);
    if (entry === undefined) return;
    this.#loseRemote(entry);
    const canonical = canonicalRemote(remote);
    if (canonical === undefined) return;
    if (canonical.protocol === "tcp") {
      if (this.#tcp === undefined) return;
      const loser = this.#tcp.setRemote(transport, canonical);
      if (loser !== undefined) this.#loseRemote(this.#transports.get(loser));
    } else {
      this.#loseRemote(this.#byUdpRemote.get("udp", canonical.address, canonical.port));
      this.#byUdpRemote.set(canonical, entry);
    }
    entry.remote = canonical;
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
      if (this.#tcp === undefined) this.#counters.sendOutcome(SendOutcome.SOCKET_ERROR, 0);
      else this.#tcp.sendDatagram(canonical, bytes);
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
    for (let position = 0; position < batch.count; position++) {
      this.#record.set(batch, position);
      this.#sendRecord(batch);
    }
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
    this.#delivery.stop();
    await Promise.all([this.#tcp?.close(), new Promise<void>((resolve) => this.#udp.socket.close(() => resolve()))]);
  }

  /** Sends the record in hand. */
  #sendRecord(batch: SendBatch): void {
    const record = this.#record;
    const entry = this.#transports.get(record.transport);
    const remote = entry?.remote;
    if (entry?.srtp === undefined || remote === undefined) {
      return this.#complete(SendOutcome.NO_TRANSPORT);
    }
    if (!record.isValid(this.store)) return this.#complete(SendOutcome.SOCKET_ERROR);
    if (remote.protocol === "tcp") return this.#tcp?.sendRecord(batch, record);
    if (record.isOverwritten(this.store)) return this.#complete(SendOutcome.SLOT_OVERWRITTEN);
    const send = this.#pending.take();
    if (send === undefined) return this.#complete(SendOutcome.QUEUE_FULL);
    const length = record.gather(batch, this.store, send.bytes);
    const { headerBytes, index, kind } = record;
    send.wireBytes = protect(entry.srtp, send.bytes, length, headerBytes, index, kind);
    send.fromRecord = true;
    send.transport = record.transport;
    send.token = record.token;
    this.#sendUdp(remote, send);
  }

  #sendUdp(remote: RemoteAddress, send: PendingSend): void {
    const address = socketAddress(remote.address, this.#udp.family);
    this.#udp.socket.send(send.bytes, 0, send.wireBytes, remote.port, address, send.done);
  }

  /** The kernel has taken a packet, or refused it. */
  #sent(send: PendingSend, error: Error | null): void {
    const outcome = error ? SendOutcome.SOCKET_ERROR : SendOutcome.SENT;
    const { transport, token, wireBytes } = send;
    this.#counters.sendOutcome(outcome, wireBytes);
    if (send.fromRecord) {
      this.#delivery.completions.push(transport, token, outcome, wireBytes, this.nowUs());
      this.#delivery.soon();
    }
    this.#pending.release(send);
  }

  /** Reports that the record in hand was not sent. */
  #complete(outcome: SendOutcome): void {
    const { transport, token } = this.#record;
    this.#counters.sendOutcome(outcome, 0);
    this.#delivery.completions.push(transport, token, outcome, 0, this.nowUs());
    this.#delivery.soon();
  }

  #onMessage(bytes: Buffer, info: RemoteInfo): void {
    const address = peerAddress(info.address);
    const entry = this.#byUdpRemote.get("udp", address, info.port);
    this.#sorter.sort(bytes, "udp", address, info.port, entry?.handle ?? 0);
  }

  #loseRemote(entry: Transport | undefined): void {
    if (entry?.remote === undefined) return;
    if (entry.remote.protocol === "tcp") this.#tcp?.release(entry.handle);
    else this.#byUdpRemote.delete(entry.remote);
    entry.remote = undefined;
  }
}

/** Protects a packet in place, by SendKind. Returns its new length. */
function protect(
  srtp: SrtpContext,
  packet: Uint8Array,
  length: number,
  headerBytes: number,
  index: number,
  kind: number,
): number {
  return kind === SendKind.RTP
    ? srtp.protectRtp(packet, length, headerBytes, index)
    : srtp.protectRtcp(packet, length, index & 0x7fff_ffff);
}
