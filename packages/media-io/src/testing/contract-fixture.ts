import type { TransportHandle } from "@cation/engine/ids";
import { afterEach } from "vitest";
import { keyPair, RawPeer, RawTcpPeer, Recorder } from "./contract-kit.ts";
import { SrtpProfile, type MediaIo, type MediaIoOptions, type SrtpKeys } from "../media-io.ts";
import type { OpenMediaIo } from "../media-io.contract.ts";
import { SrtpContext } from "../srtp-context.ts";
import { SRTP_MAX_OVERHEAD_BYTES } from "../srtp-cipher.ts";

/** Slots of a store under test: small, so that it comes round. */
export const SLOT_COUNT = 1024;

/** One side of an association: backend, what its handler saw, and its transport. */
export interface Side {
  readonly io: MediaIo;
  readonly seen: Recorder;
  readonly transport: TransportHandle;
}

/** Opens backends and peers for a test, and closes them after it. */
export class Fixture {
  readonly #open: OpenMediaIo;
  readonly #closers: (() => unknown)[] = [];

  constructor(open: OpenMediaIo) {
    this.#open = open;
    afterEach(async () => {
      for (const close of this.#closers.splice(0)) await close();
    });
  }

  async io(options: Partial<MediaIoOptions> = {}): Promise<{ io: MediaIo; seen: Recorder }> {
    const io = await this.#open({
      host: "127.0.0.1",
      port: 0,
      tcp: false,
      slotCount: SLOT_COUNT,
      ...options,
    });
    this.#closers.push(() => io.close());
    return { io, seen: new Recorder(io) };
  }

  async rawPeer(address?: string): Promise<RawPeer> {
    const peer = await RawPeer.open(address);
    this.#closers.push(() => peer.close());
    return peer;
  }

  async tcpPeer(port: number): Promise<RawTcpPeer> {
    const peer = await RawTcpPeer.open(port);
    this.#closers.push(() => peer.socket.destroy());
    return peer;
  }

  /** Two backends with one association between them, over UDP. */
  async pair(profile: SrtpProfile = SrtpProfile.AEAD_AES_128_GCM): Promise<[Side, Side]> {
    const keys = keyPair(profile);
    const [a, b] = [await this.io(), await this.io()];
    return [
      { ...a, transport: connectUdp(a.io, b.io.port, keys.server) },
      { ...b, transport: connectUdp(b.io, a.io.port, keys.client) },
    ];
  }

  /** A backend with a transport to a raw peer, and a backend that holds the peer's keys to make packets with. */
  async withRawPeer(
    profile: SrtpProfile = SrtpProfile.AEAD_AES_128_GCM,
  ): Promise<{ readonly side: Side; readonly peer: RawPeer; readonly maker: PacketMaker }> {
    const keys = keyPair(profile);
    const peer = await this.rawPeer();
    const { io, seen } = await this.io();
    const transport = connectUdp(io, peer.remote.port, keys.server);
    const maker = new PacketMaker(keys.client);
    return { side: { io, seen, transport }, peer, maker };
  }
}

/** Makes the protected packets of a peer that is no MediaIo. */
export class PacketMaker {
  readonly #context: SrtpContext;

  constructor(keys: SrtpKeys) {
    this.#context = new SrtpContext(keys);
  }

  rtp(packet: Uint8Array, rolloverCounter = 0, headerBytes = 12): Buffer {
    const bytes = withRoom(packet);
    const length = this.#context.protectRtp(bytes, packet.length, headerBytes, rolloverCounter);
    return bytes.subarray(0, length);
  }

  rtcp(packet: Uint8Array, index: number): Buffer {
    const bytes = withRoom(packet);
    return bytes.subarray(0, this.#context.protectRtcp(bytes, packet.length, index));
  }

  /** Length of the plain packet, or why it cannot be opened. In place. */
  open(packet: Buffer, kind: "rtp" | "rtcp"): number | string {
    return kind === "rtp" ? this.#context.unprotectRtp(packet) : this.#context.unprotectRtcp(packet);
  }
}

function withRoom(packet: Uint8Array): Buffer {
  return Buffer.concat([packet, Buffer.alloc(SRTP_MAX_OVERHEAD_BYTES)]);
}

/** Opens a transport with keys and a loopback peer. */
export function connectUdp(io: MediaIo, port: number, keys: SrtpKeys): TransportHandle {
  const transport = io.openTransport();
  io.setSrtpKeys(transport, keys);
  io.setRemote(transport, { protocol: "udp", address: "127.0.0.1", port });
  return transport;
}
