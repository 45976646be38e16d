import { seqOf } from "@cation/rtp/sequence";
import type { SeqNum } from "@cation/rtp/units";

const PROBE_SHIFT = 17;
const PROBE_MASK = 0x7fff;
const TRACKED = 0x1_0000;

/** Token of a packet without a transport-wide number. */
export const UNTRACKED = 0;

/**
 * What a record's completion must tell of an RTP packet, in the 32 bits that come back with it: the transport-wide number, and the
 * probe cluster (modulo 2^15, 0 for none). So nothing has to be looked up.
 */
export function sendToken(sequenceNumber: number, probeCluster: number): number {
  return ((probeCluster & PROBE_MASK) << PROBE_SHIFT) | TRACKED | sequenceNumber;
}

/** Whether a completed packet carried a transport-wide number. */
export function isTracked(token: number): boolean {
  return (token & TRACKED) !== 0;
}

export function sequenceOfToken(token: number): SeqNum {
  return seqOf(token);
}

export function probeOfToken(token: number): number {
  return token >>> PROBE_SHIFT;
}
