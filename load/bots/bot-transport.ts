import type { TransportHandle } from "@cation/engine/ids";
import { RECEIVE_RECORD_BYTES, ReceiveKind } from "@cation/engine/receive-batch";
import type { ReceiveBatch } from "@cation/engine/receive-batch";
import { SEND_PREFIX_OFFSET, SEND_RECORD_BYTES, SendBatch, SendKind } from "@cation/engine/send-batch";
import type { MediaIo, RemoteAddress } from "@cation/media-io/media-io";
import { openMediaIo } from "@cation/media-io/open-media-io";
import type { Clock } from "@cation/service-kit/clock";
import type { DtlsClient, DtlsClients } from "./dtls-clients.ts";
import { IceAgent, createIceCredentials } from "./ice-agent.ts";
import type { IceCredentials } from "./ice-agent.ts";
import type { RemoteSide } from "./bot-sdp.ts";

/** Payloads that are under way at once are few, and a process has thousands of transports. */
const SLOT_COUNT = 128;
const SOCKET_BUFFER_BYTES = 1024 * 1024;
const BATCH_RECORDS = 64;

/** What a transport hands on. Bytes are valid during the call; arrivals are the machine's monotonic microseconds. */
export interface BotTransportHandler {
  onRtp(bytes: Uint8Array, offset: number, length: number, arrivalUs: number): void;
  onRtcp(bytes: Uint8Array, offset: number, length: number, arrivalUs: number): void;
  /** SRTP keys are there. */
  onConnected(): void;
  /** It failed, lost the server, or was closed by it. Called at most once. */
  onLost(error: Error): void;
}

export interface BotTransportOptions {
  readonly clock: Clock;
  readonly dtls: DtlsClients;
  readonly handler: BotTransportHandler;
}

/**
 * One peer connection's way to the server: ICE, DTLS and SRTP on a UDP socket of its own (a server tells its clients
 * apart by their addresses, so that sockets cannot be shared).
 */
export class BotTransport {
  readonly local: IceCredentials = createIceCredentials();
  readonly #options: BotTransportOptions;
  #batch: SendBatch | undefined;
  #io: MediaIo | undefined;
  #handle: TransportHandle | undefined;
  #ice: IceAgent | undefined;
  #dtls: DtlsClient | undefined;
  #rtcpIndex = 0;
  #connected = false;
  #closed = false;

  constructor(options: BotTransportOptions) {
    this.#options = options;
  }

  /** Whether packets can be sent. */
  get connected(): boolean {
    return this.#connected && !this.#closed;
  }

  /** Opens the socket and connects to where the server's SDP says. Once; again only after the server's restart of ICE. */
  async connect(remote: RemoteSide): Promise<void> {
    if (this.#closed) return;
    if (!this.#io) await this.#open(remote.address);
    if (!this.#io || this.#handle === undefined) return;
    const address: RemoteAddress = { protocol: "udp", address: remote.address.host, port: remote.address.port };
    this.#io.setRemote(this.#handle, address);
    this.#startIce(this.#io, address, remote);
  }

  /** Queues an RTP packet: header apart, payload copied. `rollover` counts the cycles of its sequence number. */
  sendRtp(header: Uint8Array, payload: Uint8Array, rollover: number): void {
    this.#write(SendKind.RTP, header, payload, rollover);
  }

  /** Queues a compound RTCP packet. */
  sendRtcp(packet: Uint8Array): void {
    this.#write(SendKind.RTCP, NOTHING, packet, this.#rtcpIndex++);
  }

  /** Sends what is queued. */
  flush(): void {
    const batch = this.#batch;
    if (!batch || batch.count === 0) return;
    this.#io?.send(batch);
    batch.count = 0;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#ice?.close();
    this.#dtls?.close();
    await this.#io?.close();
  }

  async #open(address: { readonly host: string }): Promise<void> {
    const isLoopback = address.host.startsWith("127.") || address.host === "::1";
    const any = address.host.includes(":") ? "::" : "0.0.0.0";
    const { io } = await openMediaIo({
      host: isLoopback ? address.host : any,
      port: 0,
      tcp: false,
      slotCount: SLOT_COUNT,
      socketBufferBytes: SOCKET_BUFFER_BYTES,
    });
    if (this.#closed) {
      await io.close();
      return;
    }
    this.#io = io;
    this.#batch = new SendBatch(BATCH_RECORDS);
    this.#handle = io.openTransport();
    io.start({
      onReceive: (batch) => this.#receive(batch),
      onDatagram: (bytes) => {
        if (bytes[0] <= 3) this.#ice?.receive(bytes);
        else this.#dtls?.receive(bytes);
      },
      onCompletions: () => undefined,
      onRemoteClosed: () => undefined,
    });
  }

  #startIce(io: MediaIo, address: RemoteAddress, remote: RemoteSide): void {
    this.#ice?.close();
    this.#ice = new IceAgent({
      local: this.local,
      remote: remote.credentials,
      clock: this.#options.clock,
      send: (datagram) => {
        if (!this.#closed) io.sendDatagram(address, datagram);
      },
      onConnected: () => this.#startDtls(io, address, remote),
      onLost: () => this.#lose(new Error("the server does not answer ICE checks")),
    });
  }

  #startDtls(io: MediaIo, address: RemoteAddress, remote: RemoteSide): void {
    if (this.#dtls || this.#closed) return;
    this.#dtls = this.#options.dtls.connect([remote.fingerprint], {
      onSend: (datagram) => {
        if (!this.#closed) io.sendDatagram(address, datagram);
      },
      onConnected: (keys) => {
        if (this.#closed || this.#handle === undefined) return;
        io.setSrtpKeys(this.#handle, keys);
        this.#connected = true;
        this.#options.handler.onConnected();
      },
      onFailed: (error) => this.#lose(error),
      onClosed: () => this.#lose(new Error("the server closed the connection")),
    });
  }

  #lose(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ice?.close();
    this.#options.handler.onLost(error);
  }

  #receive(batch: ReceiveBatch): void {
    if (!this.#io || this.#closed) return;
    const { store } = this.#io;
    const { handler } = this.#options;
    for (let i = 0; i < batch.count; i++) {
      const word = (i * RECEIVE_RECORD_BYTES) / 4;
      const offset = batch.u32[word + 1] * store.slotBytes + batch.u16[2 * word + 6];
      const length = batch.u16[2 * word + 7];
      const arrivalUs = batch.f64[(word >> 1) + 3];
      if (batch.u8[4 * word + 16] === ReceiveKind.RTCP) handler.onRtcp(store.bytes, offset, length, arrivalUs);
      else handler.onRtp(store.bytes, offset, length, arrivalUs);
    }
  }

  #write(kind: number, header: Uint8Array, rest: Uint8Array, index: number): void {
    const batch = this.#batch;
    if (!this.#io || !batch || this.#handle === undefined || !this.connected) return;
    if (batch.full) this.flush();
    const { store } = this.#io;
    const slot = store.allocate();
    store.bytes.set(rest, slot * store.slotBytes);
    const byte = batch.count * SEND_RECORD_BYTES;
    batch.u8.fill(0, byte, byte + SEND_PREFIX_OFFSET);
    batch.u32[byte / 4] = this.#handle;
    batch.u32[byte / 4 + 1] = slot;
    batch.u32[byte / 4 + 2] = store.generations[slot];
    batch.u16[byte / 2 + 7] = rest.length;
    batch.u32[byte / 4 + 4] = index;
    batch.u8[byte + 20] = kind;
    batch.u16[byte / 2 + 11] = header.length;
    batch.u32[byte / 4 + 7] = kind === SendKind.RTP ? header.length : 0;
    batch.u8.set(header, byte + SEND_PREFIX_OFFSET);
    batch.count += 1;
  }
}

const NOTHING = new Uint8Array(0);
