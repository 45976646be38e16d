import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { SrtpProfile } from "./media-io.ts";
import type { NativeDtlsServerClass } from "./native-dtls.ts";
import type { SrtpCipher } from "./srtp-cipher.ts";
import type { SrtpSessionKeys } from "./srtp-key-derivation.ts";

/** Memory that the socket uses until it is closed. Written by native code between and inside calls. */
export interface NativeMemory {
  /** The packet store; see RingMemory. */
  readonly slots: Uint8Array;
  readonly generations: Uint32Array;
  readonly head: Uint32Array;
  /** Room for NATIVE_BATCH receive records, datagram records, and datagrams of SLOT_BYTES. */
  readonly records: Uint8Array;
  readonly datagrams: Uint8Array;
  readonly scratch: Uint8Array;
  /** Room for the completions of one `takeCompletions`. */
  readonly completions: Uint8Array;
}

/** The class MediaSocket of native/media_socket_binding.cc. After `close` all methods do nothing. */
export interface NativeMediaSocket {
  info(): {
    readonly port: number;
    readonly receiveBufferBytes: number;
    readonly sendBufferBytes: number;
    readonly gso: boolean;
  };
  start(): void;
  close(onClosed: () => void): void;
  openTransport(handle: number): void;
  closeTransport(handle: number): void;
  setUdpRemote(handle: number, address: string, port: number): boolean;
  setTcpRemote(handle: number): void;
  clearRemote(handle: number): void;
  setKeys(
    handle: number,
    profile: SrtpProfile,
    localKey: Uint8Array,
    localSalt: Uint8Array,
    remoteKey: Uint8Array,
    remoteSalt: Uint8Array,
  ): void;
  /** Writes the positions of records for TCP peers to `tcpPositions`; returns their number. */
  send(records: Uint8Array, count: number, tcpPositions: Uint32Array): number;
  sendDatagram(address: string, port: number, bytes: Uint8Array): boolean;
  takeCompletions(): number;
  protect(handle: number, packet: Uint8Array, length: number, headerBytes: number, index: number, kind: number): number;
  /** Length of the plain packet, or -1 - index in RECEIVE_DROP_REASONS. */
  unprotect(handle: number, packet: Uint8Array, kind: number): number;
  counters(target: Float64Array): void;
  runs(target: Float64Array): void;
}

/** What the addon exports. */
export interface NativeAddon {
  readonly MediaSocket: new (
    options: {
      readonly host: string;
      readonly port: number;
      readonly bufferBytes: number;
      readonly senderThreads: number;
      readonly useGso: boolean;
    },
    memory: NativeMemory,
    callbacks: {
      /** Received: so many records and datagrams lie in memory. */
      onWake(recordCount: number, datagramCount: number): void;
      /** Completions wait to be taken. */
      onCompletions(): void;
    },
  ) => NativeMediaSocket;
  readonly SrtpCipher: new (profile: SrtpProfile, rtp: SrtpSessionKeys, rtcp: SrtpSessionKeys) => SrtpCipher;
  readonly DtlsServer: NativeDtlsServerClass;
  /** The same in the client's role, for load tests: `open` begins the handshake. */
  readonly DtlsClient: NativeDtlsServerClass;
}

/** The addon, or why there is none. */
export type NativeAddonResult =
  | { readonly addon: NativeAddon }
  | { readonly addon: undefined; readonly reason: string };

const BUILD_DIRECTORY = fileURLToPath(new URL("../native/build/", import.meta.url));

/** Loads the addon that native/build.mjs has built. Never throws. */
export function loadNativeAddon(path = `${BUILD_DIRECTORY}media_io.node`): NativeAddonResult {
  if (process.platform !== "linux") {
    return { addon: undefined, reason: `the native addon is for Linux, not ${process.platform}` };
  }
  if (!existsSync(path)) return { addon: undefined, reason: reasonForNoBuild() };
  try {
    return { addon: createRequire(import.meta.url)(path) as NativeAddon };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { addon: undefined, reason: `the native addon does not load: ${reason}` };
  }
}

/** What the build script left behind when it could not build. */
function reasonForNoBuild(): string {
  try {
    return readFileSync(`${BUILD_DIRECTORY}not-built.txt`, "utf8").trim();
  } catch {
    return "the native addon is not built (npm install builds it where there is a C++ compiler)";
  }
}
