import { CompletionBatch } from "@cation/engine/completion-batch";
import { ReceiveBatch } from "@cation/engine/receive-batch";
import type { MediaIoOptions } from "./media-io.ts";
import type { NativeAddon, NativeMediaSocket } from "./native-addon.ts";
import { NativeDatagrams } from "./native-datagrams.ts";
import { NATIVE_BATCH } from "./native-records.ts";
import type { RingPacketStore } from "./ring-packet-store.ts";
import { DEFAULT_SOCKET_BUFFER_BYTES, socketBufferWarning } from "./udp-socket.ts";

/** Completions taken in one call. */
const COMPLETION_BATCH = 1024;

/** A native socket with the memory that it shares with TypeScript. */
export class NativeSocket {
  readonly native: NativeMediaSocket;
  readonly received = new ReceiveBatch(NATIVE_BATCH);
  readonly completions = new CompletionBatch(COMPLETION_BATCH);
  readonly datagrams = new NativeDatagrams();
  readonly port: number;
  /** Says what to change where the kernel gave smaller buffers than wanted. */
  readonly warnings: readonly string[];
  /** Set before `native.start`. */
  onWake: (recordCount: number, datagramCount: number) => void = () => {};
  onCompletions: () => void = () => {};

  /** Binds `options.port`; throws the socket's error. */
  constructor(addon: NativeAddon, store: RingPacketStore, options: MediaIoOptions) {
    const bufferBytes = options.socketBufferBytes ?? DEFAULT_SOCKET_BUFFER_BYTES;
    this.native = new addon.MediaSocket(
      {
        host: options.host,
        port: options.port,
        bufferBytes,
        senderThreads: options.senderThreads ?? 0,
        useGso: options.udpGso ?? true,
      },
      {
        slots: store.bytes,
        generations: store.generations,
        head: store.head,
        records: this.received.u8,
        datagrams: this.datagrams.records,
        scratch: this.datagrams.scratch,
        completions: this.completions.u8,
      },
      {
        onWake: (recordCount, datagramCount) => this.onWake(recordCount, datagramCount),
        onCompletions: () => this.onCompletions(),
      },
    );
    const { port, receiveBufferBytes, sendBufferBytes } = this.native.info();
    this.port = port;
    this.warnings = [
      ...bufferWarnings("SO_RCVBUF", bufferBytes, receiveBufferBytes),
      ...bufferWarnings("SO_SNDBUF", bufferBytes, sendBufferBytes),
    ];
  }

  /** Takes waiting completions into `completions`; false where there are none. */
  takeCompletions(): boolean {
    this.completions.count = this.native.takeCompletions();
    return this.completions.count > 0;
  }

  /** Resolves when the port is free. Call once. */
  close(): Promise<void> {
    return new Promise((resolve) => this.native.close(resolve));
  }
}

function bufferWarnings(option: "SO_RCVBUF" | "SO_SNDBUF", wantedBytes: number, givenBytes: number): string[] {
  return givenBytes < wantedBytes ? [socketBufferWarning(option, wantedBytes, givenBytes)] : [];
}
