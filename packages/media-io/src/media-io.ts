import type { CompletionBatch } from "@cation/engine/completion-batch";
import type { PacketStore } from "@cation/engine/packet-store";
import type { ReceiveBatch } from "@cation/engine/receive-batch";
import type { SendBatch } from "@cation/engine/send-batch";
import type { TransportHandle } from "@cation/engine/ids";
import type { MonoUs } from "@cation/rtp/units";

/** Where datagrams come from and go to: a UDP peer, or a peer behind passive ICE-TCP (RFC 6544, framed by RFC 4571). */
export interface RemoteAddress {
  readonly protocol: "udp" | "tcp";
  /** Numeric IPv4 or IPv6 address. */
  readonly address: string;
  readonly port: number;
}

/** SRTP protection profiles, by IANA number (RFC 5764 §4.1.2, RFC 7714 §14.2). */
export const SrtpProfile = {
  AES128_CM_HMAC_SHA1_80: 0x0001,
  AEAD_AES_128_GCM: 0x0007,
  AEAD_AES_256_GCM: 0x0008,
} as const;
export type SrtpProfile = (typeof SrtpProfile)[keyof typeof SrtpProfile];

/** Keying material of one association, as the DTLS exporter gives it (RFC 5764 §4.2). Copied by the callee. */
export interface SrtpKeys {
  readonly profile: SrtpProfile;
  /** Protects what is sent. */
  readonly localKey: Uint8Array;
  readonly localSalt: Uint8Array;
  /** Opens what is received. */
  readonly remoteKey: Uint8Array;
  readonly remoteSalt: Uint8Array;
}

/** Why a received datagram went no further. Counted, never logged one by one. */
export const RECEIVE_DROP_REASONS = [
  "unknown-protocol",
  "unknown-source",
  "no-keys",
  "bad-tag",
  "replayed",
  "too-old",
  /** An authenticated peer opened more streams than a transport may have. */
  "too-many-ssrcs",
  "truncated",
  "oversized",
  "kernel-overflow",
  "tcp-framing",
] as const;
export type ReceiveDropReason = (typeof RECEIVE_DROP_REASONS)[number];

/** Counters since the start. A fresh object each call; meant for scrapes, not for the packet path. */
export interface MediaIoCounters {
  readonly receivedPackets: number;
  readonly receivedBytes: number;
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly receiveDrops: Readonly<Record<ReceiveDropReason, number>>;
  /** By SendOutcome, SENT excluded. */
  readonly sendDrops: {
    readonly queueFull: number;
    readonly slotOverwritten: number;
    readonly noTransport: number;
    readonly socketError: number;
  };
}

/** Called by the backend on the deciding thread, never re-entrantly. Must not throw. */
export interface MediaIoHandler {
  /** Decrypted RTP and RTCP of one wake-up, in arrival order. The batch is reused after the call. */
  onReceive(batch: ReceiveBatch): void;
  /**
   * STUN and DTLS (RFC 7983). `transport` is 0 where the source address belongs to no transport (STUN only: other
   * datagrams from strangers are counted as unknown-source). The bytes are valid during the call only.
   */
  onDatagram(bytes: Uint8Array, remote: RemoteAddress, transport: TransportHandle | 0, arrivalUs: MonoUs): void;
  /** What became of sent records. The batch is reused after the call. */
  onCompletions(batch: CompletionBatch): void;
  /** A TCP peer went away. */
  onRemoteClosed(remote: RemoteAddress): void;
}

/**
 * Batched datagrams with SRTP inside: one UDP port, plus passive ICE-TCP on the same number. The native backend and the
 * TypeScript one pass the same contract suite (media-io.contract.ts).
 *
 * Owns the packet store. All calls come from the deciding thread.
 */
export interface MediaIo {
  readonly backend: "native" | "typescript";
  readonly store: PacketStore;
  /** Bound port, UDP and TCP. */
  readonly port: number;
  /** Monotonic microseconds on the clock that stamps arrivals and completions. */
  nowUs(): MonoUs;
  /** Starts delivering. Called once. */
  start(handler: MediaIoHandler): void;
  /** Makes a transport without address or keys. Handles are never 0 and not reused while completions are under way. */
  openTransport(): TransportHandle;
  /** Forgets address, keys and queued packets. Idempotent. */
  closeTransport(transport: TransportHandle): void;
  /** Moves a transport to another peer address, which no other transport may hold (the older holder loses it). */
  setRemote(transport: TransportHandle, remote: RemoteAddress): void;
  /** Keys after the handshake. Resets replay windows and indices. */
  setSrtpKeys(transport: TransportHandle, keys: SrtpKeys): void;
  /** Sends bytes as they are (STUN, DTLS), copied before the call returns. */
  sendDatagram(remote: RemoteAddress, bytes: Uint8Array): void;
  /** Gathers, protects and sends all records of a batch; the batch may be reused when the call returns. */
  send(batch: SendBatch): void;
  counters(): MediaIoCounters;
  /** Idempotent. */
  close(): Promise<void>;
}

/** How a backend is opened. */
export interface MediaIoOptions {
  /** Local address to bind, for example "0.0.0.0" or "::". */
  readonly host: string;
  /** 0 asks the kernel for a free one. */
  readonly port: number;
  /** Also listen for ICE-TCP on the same number. */
  readonly tcp: boolean;
  /** Slots of the packet store, a power of two. Default 16384. */
  readonly slotCount?: number;
  /** Threads that protect and send (native backend). 0 sends on the deciding thread. Default 0. */
  readonly senderThreads?: number;
  /** Use UDP GSO for runs of packets to one peer, where the kernel can (native backend). Default true. */
  readonly udpGso?: boolean;
  /** Wanted SO_RCVBUF and SO_SNDBUF. Default 4 MiB each. */
  readonly socketBufferBytes?: number;
  /** Bounds of the ICE-TCP listener; each has a default. */
  readonly tcpLimits?: IceTcpLimits;
}

/** What TCP peers may hold of us. */
export interface IceTcpLimits {
  /** Open connections; further ones push out the oldest that belongs to no transport, or are refused. Default 1024. */
  readonly maxConnections?: number;
  /** A connection that no transport has taken is closed after this. Default 10 s. */
  readonly unclaimedTimeoutMs?: number;
  /** A connection that has sent nothing for so long is closed (consent checks come every 5 s). Default 30 s. */
  readonly idleTimeoutMs?: number;
  /** Bytes waiting in a slow reader's connection; packets beyond are dropped as QUEUE_FULL. Default 256 KiB. */
  readonly maxBufferedBytes?: number;
}
