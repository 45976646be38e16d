import type { QualityStats } from "./quality-counters.ts";

/** Figures of one encoding of a producer. */
export interface ProducerStreamStats {
  readonly encoding: number;
  readonly rid: string;
  readonly ssrc: number;
  readonly active: boolean;
  /** Without duplicates. */
  readonly packets: number;
  /** RTP packets with headers. */
  readonly bytes: number;
  readonly bitrateBps: number;
  /** Cumulative, as in receiver reports. */
  readonly lostPackets: number;
  /** Came by RTX or a repetition. */
  readonly recoveredPackets: number;
  readonly duplicates: number;
  readonly jitterUs: number;
  /** Sequence numbers asked for, repetitions counted. */
  readonly nackedPackets: number;
  readonly keyframesReceived: number;
  readonly keyframeRequestsSent: number;
}

/** Figures of one outgoing stream of a consumer. */
export interface ConsumerStreamStats {
  readonly ssrc: number;
  /** Encoding that it sends now; -1 for none. */
  readonly encoding: number;
  /** Encoding that it waits for; -1 for none. */
  readonly targetEncoding: number;
  readonly packets: number;
  /** Payload octets, as in sender reports. */
  readonly bytes: number;
  readonly resentPackets: number;
  readonly nackedPackets: number;
  readonly keyframeRequests: number;
  readonly switches: number;
  /** Numbers whose packets were still missing when the source changed: gaps that nobody will fill. */
  readonly abandonedNumbers: number;
  /** As the receiver reports them; -1 before the first report. */
  readonly reportedLostPackets: number;
  readonly reportedFractionLost: number;
  readonly reportedJitterUs: number;
  readonly rttUs: number;
}

/** Tracks now. */
export interface TracksByKind {
  readonly audio: number;
  readonly video: number;
}

/** RTP since the start, in both directions. Repetitions that filled a gap count as received, not as sent. */
export interface MediaStats {
  readonly receivedPackets: number;
  /** RTP packets with headers. */
  readonly receivedBytes: number;
  readonly sentPackets: number;
  /** Payload octets, as in sender reports. */
  readonly sentBytes: number;
}

/** Counts over a whole engine. */
export interface EngineStats {
  readonly transports: number;
  readonly producers: number;
  readonly consumers: number;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
  /** Records handed to sinks: RTP, RTX and RTCP. */
  readonly sentPackets: number;
  /** As completions report them. */
  readonly sentBytes: number;
  readonly forwardedPackets: number;
  readonly resentPackets: number;
  readonly keyframeRequestsSent: number;
  /** By name of DropReason, zeros left out. */
  readonly drops: Readonly<Record<string, number>>;
  /** By clients of this node. */
  readonly published: TracksByKind;
  readonly subscribed: TracksByKind;
  readonly clientMedia: MediaStats;
  readonly relayMedia: MediaStats;
  readonly quality: QualityStats;
}
