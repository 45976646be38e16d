import { AllocationReason } from "@cation/proto/client/v1/client";
import type { MediaReport as WireReport, TrackAllocation, TrackReport } from "@cation/proto/client/v1/client";

/** What this participant's connection lets through of a track. */
export interface TrackShare {
  /** No picture is sent. */
  readonly isPaused: boolean;
  /** Less than was wished is sent, because the connection does not carry more. */
  readonly isHeldBack: boolean;
  /** Encoding and temporal layer that are sent, from 0. */
  readonly spatialId: number;
  readonly temporalId: number;
}

/** How one track arrives, or leaves. */
export interface TrackFigures {
  readonly trackId: string;
  readonly bitrateBps: number;
  /** Share of packets lost in the last seconds, 0 … 1. */
  readonly loss: number;
  readonly jitterMs: number;
  /** 1 (bad) … 5; 0 while nothing is known. */
  readonly score: number;
  /** Received tracks only. */
  readonly share: TrackShare;
  /** Bits a second by encoding, lowest first; sent tracks only. */
  readonly layerBitratesBps: readonly number[];
}

/** How the server sees this participant's media, every few seconds. */
export interface MediaReport {
  /** What the way to this participant carries; undefined where that is not estimated. */
  readonly targetBps: number | undefined;
  /** What of it is used. */
  readonly allocatedBps: number;
  /** What would be used if it carried everything. */
  readonly demandBps: number;
  readonly roundTripMs: number | undefined;
  readonly received: readonly TrackFigures[];
  readonly sent: readonly TrackFigures[];
}

export const WHOLE_SHARE: TrackShare = { isPaused: false, isHeldBack: false, spatialId: 0, temporalId: 0 };

export function shareFromWire({ paused, reason, spatialId, temporalId }: TrackAllocation | TrackReport): TrackShare {
  return { isPaused: paused, isHeldBack: reason === AllocationReason.BANDWIDTH, spatialId, temporalId };
}

export function reportFromWire(report: WireReport): MediaReport {
  return {
    targetBps: report.targetBps === 0 ? undefined : report.targetBps,
    allocatedBps: report.allocatedBps,
    demandBps: report.demandBps,
    roundTripMs: report.roundTripMs,
    received: report.received.map(figuresFromWire),
    sent: report.sent.map(figuresFromWire),
  };
}

function figuresFromWire(report: TrackReport): TrackFigures {
  const { trackId, bitrateBps, loss, jitterMs, score, layerBitratesBps } = report;
  return { trackId, bitrateBps, loss, jitterMs, score, share: shareFromWire(report), layerBitratesBps };
}
