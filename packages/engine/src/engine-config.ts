import { DEFAULT_BANDWIDTH } from "./bandwidth/send-side-bandwidth-estimator.ts";
import type { BandwidthConfig } from "./bandwidth/send-side-bandwidth-estimator.ts";

/** What may be tuned. All have defaults that suit WebRTC clients. */
export interface EngineConfig {
  /** At most one keyframe request an encoding in this time, however many ask. */
  readonly keyframeWindowUs: number;
  /** Longest pause between two requests while no keyframe comes. */
  readonly keyframeRetryMaxUs: number;
  /** An encoding without packets for this long has stopped. */
  readonly encodingTimeoutUs: number;
  /** Mean time between RTCP reports of a transport, spread by ± 50 % (RFC 3550 §6.3.1). */
  readonly reportIntervalUs: number;
  /** A gap is asked for when this many later packets came, or `nackDelayUs` passed. */
  readonly nackReorderPackets: number;
  readonly nackDelayUs: number;
  /** A lost packet is asked for at most this often, and no longer than this. */
  readonly nackRetries: number;
  readonly nackMaxAgeUs: number;
  /** Numbers remembered as missing in one encoding; beyond it a keyframe is asked for instead. */
  readonly nackCapacity: number;
  /** Sent packets that can be sent again, in each stream; a power of two. */
  readonly cachePackets: number;
  /** A packet is resent at most this often. */
  readonly resendLimit: number;
  /** Packets resent in one round trip, at most, in each stream. */
  readonly resendPacketsPerRtt: number;
  /** Whether pictures are shared out within the estimate of what the network carries; else by `setTargetBitrate` alone. */
  readonly allocateByEstimate: boolean;
  /** So long nobody must have wanted a layer before its sender is told (more is told at once). */
  readonly demandHoldUs: number;
  /** New ssrcs that a transport may teach at once; one more each second. */
  readonly ssrcBurst: number;
  /** Limits of the estimate towards each client. */
  readonly bandwidth: BandwidthConfig;
}

export const DEFAULT_ENGINE_CONFIG: EngineConfig = {
  keyframeWindowUs: 500_000,
  keyframeRetryMaxUs: 4_000_000,
  encodingTimeoutUs: 5_000_000,
  reportIntervalUs: 1_000_000,
  nackReorderPackets: 2,
  nackDelayUs: 20_000,
  nackRetries: 10,
  nackMaxAgeUs: 1_000_000,
  nackCapacity: 512,
  cachePackets: 512,
  resendLimit: 8,
  resendPacketsPerRtt: 256,
  allocateByEstimate: true,
  demandHoldUs: 3_000_000,
  ssrcBurst: 32,
  bandwidth: DEFAULT_BANDWIDTH,
};
