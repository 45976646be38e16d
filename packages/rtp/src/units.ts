/**
 * Branded primitives: branded once, where bytes are parsed or a clock is read, so that a sequence number cannot be
 * passed for an ssrc, nor milliseconds for microseconds.
 */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Monotonic microseconds (an integer below 2^53). The engine knows no other time. */
export type MonoUs = Branded<number, "MonoUs">;
/** Synchronisation source, 0 … 2^32-1 (RFC 3550 §3). */
export type Ssrc = Branded<number, "Ssrc">;
/** RTP sequence number as on the wire, 0 … 65535. */
export type SeqNum = Branded<number, "SeqNum">;
/** RTP sequence number with the cycles counted: 65536 · cycles + SeqNum. May start at any cycle. */
export type ExtSeqNum = Branded<number, "ExtSeqNum">;
/** RTP clock ticks as on the wire, 0 … 2^32-1. */
export type RtpTimestamp = Branded<number, "RtpTimestamp">;
/** Payload type, 0 … 127. */
export type PayloadType = Branded<number, "PayloadType">;
