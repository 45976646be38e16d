/**
 * Why a packet went no further, or a request was not answered. Each early return of the forwarding path has one; they
 * are counted, never logged one by one. NONE means that it was taken.
 */
export const DropReason = {
  NONE: 0,
  /** Record of a transport that is not open (any more). */
  UNKNOWN_TRANSPORT: 1,
  /** The slot had been written again before the engine read it. */
  SLOT_OVERWRITTEN: 2,
  /** Not RTP, or header, extension or padding past its end. */
  RTP_MALFORMED: 3,
  /** Not RTCP, or a packet of the compound past its end. The packets before it were taken. */
  RTCP_MALFORMED: 4,
  /** Neither ssrc, mid, rid nor payload type says whose it is (RFC 8843 §9.2). */
  UNKNOWN_SSRC: 5,
  /** The transport taught too many new ssrcs in a short time. */
  SSRC_LIMIT: 6,
  /** Payload type that the producer did not negotiate. */
  UNKNOWN_PAYLOAD_TYPE: 7,
  /** Seen before. */
  DUPLICATE: 8,
  /** Older than the window in which duplicates can be told. */
  TOO_OLD: 9,
  /** Sequence number far off; taken as a restart when the next one agrees (RFC 3550 App. A.1). */
  SEQUENCE_JUMP: 10,
  /** No payload: padding of the sender's probes. */
  EMPTY: 11,
  /** RTX without a number, or of an unknown stream or payload type (RFC 4588 §4). */
  RTX_MALFORMED: 12,
  /** Payload descriptor cut short. */
  DESCRIPTOR_MALFORMED: 13,
  /** The receiver did not negotiate the codec. */
  NO_CODEC: 14,
  /** Older than the first packet that the receiver got from this source. */
  BEFORE_START: 15,
  /** Above the temporal layer that the receiver gets. */
  TEMPORAL_LAYER: 16,
  /** Header and extensions do not fit into a record's prefix. */
  HEADER_TOO_LONG: 17,
  /** A receiver asked for a packet that is not in its cache (never came, too old, or dropped on purpose). */
  NACK_MISS: 18,
  /** A receiver asked again for a packet that was resent less than a round trip ago, or too often. */
  NACK_REPEATED: 19,
  /** A receiver asked for more than may be resent in a round trip. */
  NACK_LIMIT: 20,
  /** A receiver asked for a packet whose slot has been written again. */
  NACK_SLOT_OVERWRITTEN: 21,
  /** RTCP about an ssrc that the transport does not send or receive. */
  RTCP_UNKNOWN_SSRC: 22,
  /** RTCP of a type that the engine does not use. */
  RTCP_IGNORED: 23,
  /** Reported by the backend: the queue in front of the socket was full. */
  SEND_QUEUE_FULL: 24,
  /** Reported by the backend: the slot had been written again. */
  SEND_SLOT_OVERWRITTEN: 25,
  /** Reported by the backend: no keys, no address, or closed. */
  SEND_NO_TRANSPORT: 26,
  /** Reported by the backend: refused by the kernel. */
  SEND_SOCKET_ERROR: 27,
  /** Of a layer inside the stream (SVC) that the receiver does not get. */
  LAYER: 28,
  /** Too many packets wait for their turn on the way to the receiver. */
  PACER_FULL: 29,
  /** Has waited for its turn for too long. */
  PACER_AGED: 30,
  /** The slot had been written again before it was the packet's turn. */
  PACER_SLOT_OVERWRITTEN: 31,
} as const;
export type DropReason = (typeof DropReason)[keyof typeof DropReason];

/** Names of the reasons, by number: labels of metrics. */
export const DROP_REASON_NAMES: readonly string[] = Object.keys(DropReason).map((name) =>
  name.toLowerCase().replaceAll("_", "-"),
);

/** Counts of drops by reason. */
export class DropCounters {
  /** Index is the DropReason; doubles, so that nothing wraps. */
  readonly counts: Float64Array = new Float64Array(DROP_REASON_NAMES.length);

  add(reason: DropReason): void {
    this.counts[reason]++;
  }

  /** A fresh object by name, zeros left out; for scrapes. */
  snapshot(): Record<string, number> {
    const result: Record<string, number> = {};
    for (let i = 1; i < this.counts.length; i++) {
      if (this.counts[i] > 0) result[DROP_REASON_NAMES[i]] = this.counts[i];
    }
    return result;
  }
}
