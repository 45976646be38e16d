import type { Server } from "node:net";
import type { TransportHandle } from "@cation/engine/ids";
import { SendOutcome, type SendBatch } from "@cation/engine/send-batch";
import { IceTcpServer } from "./ice-tcp-server.ts";
import type { IceTcpLimits, RemoteAddress } from "./media-io.ts";
import type { MediaIoParts, PacketSorter } from "./packet-sorter.ts";
import { MAX_WIRE_BYTES } from "./pending-sends.ts";
import { RemoteMap } from "./remote-map.ts";
import type { SendRecordView } from "./send-record.ts";

/** Protects a packet in place: its new length, 0 where the transport has no keys. `kind` is a SendKind. */
export type Protect = (
  transport: TransportHandle,
  packet: Uint8Array,
  length: number,
  headerBytes: number,
  index: number,
  kind: number,
) => number;

/** The TCP side of a backend: which transport uses which connection, and packets both ways. */
export class TcpMedia {
  readonly #server: IceTcpServer;
  readonly #parts: MediaIoParts;
  readonly #protect: Protect;
  readonly #holders = new RemoteMap<TransportHandle>();
  readonly #remotes = new Map<TransportHandle, RemoteAddress>();
  /** Where packets are made; copied when they are written. */
  readonly #scratch = new Uint8Array(MAX_WIRE_BYTES);

  /** `onLost` is told when a transport's connection has gone. */
  constructor(
    server: Server,
    limits: IceTcpLimits | undefined,
    parts: MediaIoParts,
    sorter: PacketSorter,
    protect: Protect,
    onLost: (transport: TransportHandle) => void,
  ) {
    this.#parts = parts;
    this.#protect = protect;
    const handler = {
      onFrame: (frame: Uint8Array, { address, port }: RemoteAddress): void => {
        sorter.sort(frame, "tcp", address, port, this.#holders.get("tcp", address, port) ?? 0);
      },
      onRejected: (): void => parts.counters.receiveDrop("tcp-framing"),
      onClosed: (remote: RemoteAddress): void => {
        const holder = this.#holders.get("tcp", remote.address, remote.port);
        if (holder !== undefined) {
          this.release(holder);
          onLost(holder);
        }
        parts.delivery.handler?.onRemoteClosed(remote);
      },
    };
    this.#server = new IceTcpServer(server, handler, limits);
  }

  /** Gives a connection to a transport. Returns the transport that held it and has lost it. */
  setRemote(transport: TransportHandle, remote: RemoteAddress): TransportHandle | undefined {
    const holder = this.#holders.get("tcp", remote.address, remote.port);
    if (holder !== undefined) this.release(holder);
    this.#holders.set(remote, transport);
    this.#remotes.set(transport, remote);
    this.#server.claim(remote, true);
    return holder === transport ? undefined : holder;
  }

  /** Takes its connection from a transport; another may have it, or it is closed after a while. */
  release(transport: TransportHandle): void {
    const remote = this.#remotes.get(transport);
    if (remote === undefined) return;
    this.#remotes.delete(transport);
    this.#holders.delete(remote);
    this.#server.claim(remote, false);
  }

  /** Releases the connection and ends it. */
  disconnect(transport: TransportHandle): void {
    const remote = this.#remotes.get(transport);
    this.release(transport);
    if (remote !== undefined) this.#server.disconnect(remote);
  }

  /** Sends the record in hand, which has been checked, and reports it. */
  sendRecord(batch: SendBatch, record: SendRecordView): void {
    const { store, counters, delivery, clock } = this.#parts;
    const remote = this.#remotes.get(record.transport);
    let outcome: SendOutcome = SendOutcome.NO_TRANSPORT;
    let wireBytes = 0;
    if (remote !== undefined) {
      if (record.isOverwritten(store)) {
        outcome = SendOutcome.SLOT_OVERWRITTEN;
      } else {
        const length = record.gather(batch, store, this.#scratch);
        const { transport, headerBytes, index, kind } = record;
        wireBytes = this.#protect(transport, this.#scratch, length, headerBytes, index, kind);
        if (wireBytes > 0) outcome = this.#write(remote, this.#scratch.subarray(0, wireBytes));
      }
    }
    counters.sendOutcome(outcome, wireBytes);
    delivery.completions.push(record.transport, record.token, outcome, wireBytes, clock.nowUs());
    delivery.soon();
  }

  /** Sends a packet as it is. */
  sendDatagram(remote: RemoteAddress, bytes: Uint8Array): void {
    this.#parts.counters.sendOutcome(this.#write(remote, bytes), bytes.length);
    this.#server.flush();
  }

  /** Lets go what `sendRecord` has gathered. */
  flush(): void {
    this.#server.flush();
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #write(remote: RemoteAddress, bytes: Uint8Array): SendOutcome {
    const result = this.#server.send(remote, bytes);
    if (result === "sent") return SendOutcome.SENT;
    return result === "slow-reader" ? SendOutcome.QUEUE_FULL : SendOutcome.SOCKET_ERROR;
  }
}
