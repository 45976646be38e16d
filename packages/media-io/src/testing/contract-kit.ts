import { createSocket, type Socket } from "node:dgram";
import { connect, type Socket as TcpSocket } from "node:net";
import { COMPLETION_RECORD_BYTES, type CompletionBatch } from "@cation/engine/completion-batch";
import type { TransportHandle } from "@cation/engine/ids";
import type { PacketStore } from "@cation/engine/packet-store";
import { RECEIVE_RECORD_BYTES, type ReceiveBatch } from "@cation/engine/receive-batch";
import { SEND_PREFIX_OFFSET, SEND_RECORD_BYTES, SendBatch, SendKind } from "@cation/engine/send-batch";
import type { MediaIo, MediaIoHandler, RemoteAddress, SrtpProfile } from "../media-io.ts";
import type { SrtpKeys } from "../media-io.ts";
import { profileLengths } from "../srtp-key-derivation.ts";

/** Tools of the MediaIo contract suite: what a handler saw, raw peers, records by hand. */

const DEADLINE_MS = 5000;

export interface SeenPacket {
  readonly transport: number;
  readonly slot: number;
  readonly generation: number;
  readonly kind: number;
  readonly arrivalUs: number;
  readonly bytes: Buffer;
}

export interface SeenCompletion {
  readonly transport: number;
  readonly token: number;
  readonly outcome: number;
  readonly wireBytes: number;
  readonly sentUs: number;
}

export interface SeenDatagram {
  readonly bytes: Buffer;
  readonly remote: RemoteAddress;
  readonly transport: number;
  readonly arrivalUs: number;
}

/** A handler that copies all it is told, and notices calls from inside other calls. */
export class Recorder implements MediaIoHandler {
  readonly packets: SeenPacket[] = [];
  readonly datagrams: SeenDatagram[] = [];
  readonly completions: SeenCompletion[] = [];
  readonly closedRemotes: RemoteAddress[] = [];
  /** Calls that came while another, or a call into MediaIo, was under way. */
  reentrantCalls = 0;
  /** Runs inside each onReceive. */
  onPackets: (() => void) | undefined;
  #busy = false;
  readonly #io: MediaIo;

  constructor(io: MediaIo) {
    this.#io = io;
    io.start(this);
  }

  /** Runs `call`; deliveries from inside it are counted as re-entrant. */
  guarded(call: () => void): void {
    this.#enter();
    call();
    this.#busy = false;
  }

  onReceive(batch: ReceiveBatch): void {
    this.#enter();
    const { store } = this.#io;
    for (let i = 0; i < batch.count; i++) {
      const at = i * RECEIVE_RECORD_BYTES;
      const slot = batch.u32[(at + 4) / 4];
      const start = slot * store.slotBytes + batch.u16[(at + 12) / 2];
      this.packets.push({
        transport: batch.u32[at / 4],
        slot,
        generation: batch.u32[(at + 8) / 4],
        kind: batch.u8[at + 16],
        arrivalUs: batch.f64[(at + 24) / 8],
        bytes: Buffer.from(store.bytes.slice(start, start + batch.u16[(at + 14) / 2])),
      });
    }
    this.onPackets?.();
    this.#busy = false;
  }

  onDatagram(bytes: Uint8Array, remote: RemoteAddress, transport: TransportHandle | 0, arrivalUs: number): void {
    this.#enter();
    this.datagrams.push({ bytes: Buffer.from(bytes), remote, transport, arrivalUs });
    this.#busy = false;
  }

  onCompletions(batch: CompletionBatch): void {
    this.#enter();
    for (let i = 0; i < batch.count; i++) {
      const at = i * COMPLETION_RECORD_BYTES;
      this.completions.push({
        transport: batch.u32[at / 4],
        token: batch.u32[(at + 4) / 4],
        outcome: batch.u8[at + 8],
        wireBytes: batch.u32[(at + 12) / 4],
        sentUs: batch.f64[(at + 16) / 8],
      });
    }
    this.#busy = false;
  }

  onRemoteClosed(remote: RemoteAddress): void {
    this.#enter();
    this.closedRemotes.push(remote);
    this.#busy = false;
  }

  #enter(): void {
    if (this.#busy) this.reentrantCalls++;
    this.#busy = true;
  }
}

/** A packet to write into a batch. */
export interface RecordInput {
  readonly transport: number;
  readonly packet: Uint8Array;
  readonly kind?: number;
  /** RTP: length of the header. Default 12. */
  readonly headerBytes?: number;
  /** Bytes that go into the prefix; the rest goes into a slot. Default: up to 96. */
  readonly prefixBytes?: number;
  /** Rollover counter or SRTCP index. Default 0. */
  readonly index?: number;
  readonly token?: number;
}

/** Writes a record, and the rest of the packet into a new slot. */
export function addRecord(batch: SendBatch, store: PacketStore, input: RecordInput): void {
  const { packet } = input;
  const prefixBytes = input.prefixBytes ?? Math.min(packet.length, 96);
  const rest = packet.subarray(prefixBytes);
  const at = batch.count * SEND_RECORD_BYTES;
  batch.u8.fill(0, at, at + SEND_RECORD_BYTES);
  batch.u32[at / 4] = input.transport;
  if (rest.length > 0) {
    const slot = store.allocate();
    store.bytes.set(rest, slot * store.slotBytes + 7);
    batch.u32[(at + 4) / 4] = slot;
    batch.u32[(at + 8) / 4] = store.generations[slot];
    batch.u16[(at + 12) / 2] = 7;
    batch.u16[(at + 14) / 2] = rest.length;
  }
  batch.u32[(at + 16) / 4] = input.index ?? 0;
  batch.u8[at + 20] = input.kind ?? SendKind.RTP;
  batch.u16[(at + 22) / 2] = prefixBytes;
  batch.u32[(at + 24) / 4] = input.token ?? 0;
  batch.u32[(at + 28) / 4] = input.kind === SendKind.RTCP ? 0 : (input.headerBytes ?? 12);
  batch.u8.set(packet.subarray(0, prefixBytes), at + SEND_PREFIX_OFFSET);
  batch.count++;
}

/** Sends packets through `io` in one batch. */
export function sendAll(io: MediaIo, inputs: readonly RecordInput[]): void {
  const batch = new SendBatch(Math.max(inputs.length, 1));
  for (const input of inputs) addRecord(batch, io.store, input);
  io.send(batch);
}

/** An RTP packet: 12 bytes of header, then `payload`. */
export function rtpPacket(ssrc: number, sequenceNumber: number, payload: Uint8Array): Buffer {
  const packet = Buffer.alloc(12 + payload.length);
  packet[0] = 0x80;
  packet[1] = 96;
  packet.writeUInt16BE(sequenceNumber & 0xffff, 2);
  packet.writeUInt32BE(ssrc >>> 0, 8);
  packet.set(payload, 12);
  return packet;
}

/** An RTCP packet of `words` words after the first 8 bytes. */
export function rtcpPacket(ssrc: number, words: number): Buffer {
  const packet = Buffer.alloc(8 + 4 * words, 0xab);
  packet.writeUInt32BE((0x80c9_0001 + words) >>> 0, 0);
  packet.writeUInt32BE(ssrc >>> 0, 4);
  return packet;
}

/** A STUN message with the right frame and nothing in it. */
export function stunMessage(attributeBytes = 0): Buffer {
  const message = Buffer.alloc(20 + attributeBytes);
  message.writeUInt16BE(1, 0);
  message.writeUInt16BE(attributeBytes, 2);
  message.writeUInt32BE(0x2112_a442, 4);
  return message;
}

/** Key pair of an association: what one side's local is, is the other's remote. */
export function keyPair(profile: SrtpProfile, seed = 1): { readonly server: SrtpKeys; readonly client: SrtpKeys } {
  const { keyBytes, saltBytes } = profileLengths(profile);
  const bytes = (length: number, value: number): Uint8Array =>
    new Uint8Array(length).map((_, i) => (value * 31 + i * 7 + seed) & 0xff);
  const [aKey, aSalt, bKey, bSalt] = [bytes(keyBytes, 1), bytes(saltBytes, 2), bytes(keyBytes, 3), bytes(saltBytes, 4)];
  return {
    server: { profile, localKey: aKey, localSalt: aSalt, remoteKey: bKey, remoteSalt: bSalt },
    client: { profile, localKey: bKey, localSalt: bSalt, remoteKey: aKey, remoteSalt: aSalt },
  };
}

/** A bare UDP socket on loopback. */
export class RawPeer {
  readonly received: Buffer[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (bytes) => this.received.push(bytes));
  }

  static open(address = "127.0.0.1"): Promise<RawPeer> {
    const family = address.includes(":") ? 6 : 4;
    const socket = createSocket({
      type: family === 6 ? "udp6" : "udp4",
      // Without a visit to the resolver the kernel has a packet when `send` returns.
      lookup: (hostname, _options, callback) => callback(null, hostname, family),
    });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(0, address, () => resolve(new RawPeer(socket)));
    });
  }

  get remote(): RemoteAddress {
    const { address, port } = this.#socket.address();
    return { protocol: "udp", address, port };
  }

  /** Resolves when the kernel has it. */
  send(bytes: Uint8Array, port: number, address = "127.0.0.1"): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(bytes, port, address, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    this.#socket.close();
  }
}

/** A bare TCP connection to a MediaIo, with its frames taken apart. */
export class RawTcpPeer {
  readonly received: Buffer[] = [];
  readonly socket: TcpSocket;
  readonly remote: RemoteAddress;
  closed = false;
  #stream = Buffer.alloc(0);

  private constructor(socket: TcpSocket) {
    this.socket = socket;
    this.remote = { protocol: "tcp", address: "127.0.0.1", port: socket.localPort as number };
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {});
    socket.on("close", () => (this.closed = true));
  }

  static open(port: number): Promise<RawTcpPeer> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => resolve(new RawTcpPeer(socket)));
    });
  }

  #read(chunk: Buffer): void {
    this.#stream = Buffer.concat([this.#stream, chunk]);
    while (this.#stream.length >= 2) {
      const end = 2 + this.#stream.readUInt16BE(0);
      if (this.#stream.length < end) return;
      this.received.push(this.#stream.subarray(2, end));
      this.#stream = this.#stream.subarray(end);
    }
  }
}

/** A packet with the length field of RFC 4571 in front. */
export function framed(packet: Uint8Array): Buffer {
  const frame = Buffer.alloc(2 + packet.length);
  frame.writeUInt16BE(packet.length, 0);
  frame.set(packet, 2);
  return frame;
}

/** Waits until `condition` holds; throws with `what` when it does not come to hold. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`never came to pass: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
