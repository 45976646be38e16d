import type { TransportHandle } from "@cation/engine/ids";
import { RECEIVE_RECORD_BYTES, ReceiveKind } from "@cation/engine/receive-batch";
import type { ReceiveBatch } from "@cation/engine/receive-batch";
import { SendBatch, SendKind } from "@cation/engine/send-batch";
import { addRecord } from "@cation/media-io/testing/contract-kit";
import type { MediaIo } from "@cation/media-io/media-io";
import { openMediaIo } from "@cation/media-io/open-media-io";
import type { MediaIoBackend } from "@cation/media-io/open-media-io";
import type { DtlsProvider } from "../dtls.ts";
import type { LocalDescription } from "../sdp/local-description.ts";
import { WebRtcServer } from "../webrtc-server.ts";
import type { TransportState, TransportStateReason } from "../transport-state.ts";
import type { WebRtcTransport } from "../webrtc-transport.ts";

/** A decrypted packet that a test saw. */
export interface SeenRtp {
  readonly transport: TransportHandle;
  readonly payloadType: number;
  readonly ssrc: number;
  readonly bytes: Buffer;
}

/** A transport with all that its handler was told. */
export interface TestTransport {
  readonly transport: WebRtcTransport;
  readonly states: { state: TransportState; reason: TransportStateReason }[];
  describe(): LocalDescription;
}

/** A WebRtcServer on a real MediaIo on loopback, for tests: polls itself, and shows the RTP that comes in. */
export class TestServer {
  readonly io: MediaIo;
  readonly server: WebRtcServer;
  /** Called for each RTP packet. */
  onRtp: (packet: SeenRtp) => void = () => {};
  readonly #timer: NodeJS.Timeout;
  readonly #batch = new SendBatch(16);
  #version = 0;
  #index = 0;

  private constructor(io: MediaIo, dtls: DtlsProvider) {
    this.io = io;
    this.server = new WebRtcServer({ mediaIo: io, dtls });
    io.start({
      onReceive: (batch) => this.#receive(batch),
      onDatagram: (bytes, remote, transport, arrivalUs) => this.server.onDatagram(bytes, remote, transport, arrivalUs),
      onCompletions: () => {},
      onRemoteClosed: (remote) => this.server.onRemoteClosed(remote),
    });
    this.#timer = setInterval(() => this.server.poll(io.nowUs()), 100);
  }

  static async open(dtls: DtlsProvider, backend: MediaIoBackend): Promise<TestServer> {
    const { io } = await openMediaIo({ backend, host: "127.0.0.1", port: 0, tcp: true, slotCount: 1024 });
    return new TestServer(io, dtls);
  }

  createTransport(protocols: readonly ("udp" | "tcp")[] = ["udp", "tcp"]): TestTransport {
    const states: TestTransport["states"] = [];
    const transport = this.server.createTransport({
      handler: { onStateChange: (state, reason) => states.push({ state, reason }) },
    });
    const describe = (): LocalDescription => ({
      iceUfrag: transport.localUfrag,
      icePwd: transport.localPwd,
      fingerprint: this.server.fingerprint,
      candidates: protocols.map((protocol) => ({
        protocol,
        address: "127.0.0.1",
        port: this.io.port,
      })),
      sessionId: "4711",
      version: (this.#version += 1),
    });
    return { transport, states, describe };
  }

  /** Sends a whole packet, its first bytes being the header. */
  send(transport: TransportHandle, packet: Uint8Array, kind: "rtp" | "rtcp"): void {
    this.#batch.count = 0;
    const index = kind === "rtcp" ? (this.#index += 1) : 0;
    addRecord(this.#batch, this.io.store, {
      transport,
      packet,
      kind: kind === "rtcp" ? SendKind.RTCP : SendKind.RTP,
      index,
    });
    this.io.send(this.#batch);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.server.close();
    await this.io.close();
  }

  #receive(batch: ReceiveBatch): void {
    const { store } = this.io;
    for (let index = 0; index < batch.count; index += 1) {
      const at = index * RECEIVE_RECORD_BYTES;
      if (batch.u8[at + 16] !== ReceiveKind.RTP) continue;
      const start = (batch.u32[(at + 4) / 4] ?? 0) * store.slotBytes + (batch.u16[(at + 12) / 2] ?? 0);
      const bytes = Buffer.from(store.bytes.slice(start, start + (batch.u16[(at + 14) / 2] ?? 0)));
      this.onRtp({
        transport: batch.u32[at / 4] as TransportHandle,
        payloadType: (bytes[1] ?? 0) & 0x7f,
        ssrc: bytes.readUInt32BE(8),
        bytes,
      });
    }
  }
}
