/** Loudness of one received or sent audio track, from the browser's statistics. */
export interface AudioLevel {
  /** Id of the MediaStreamTrack; for what is sent, undefined where the browser does not say. */
  readonly mediaTrackId: string | undefined;
  /** 0 silent … 1 as loud as can be (linear, as w3c webrtc-stats defines `audioLevel`). */
  readonly level: number;
}

interface AudioStats {
  readonly type: string;
  readonly kind?: string;
  readonly trackIdentifier?: string;
  readonly audioLevel?: number;
}

/** Levels of the audio that a connection receives ("inbound-rtp") or sends ("media-source"). */
export function audioLevelsOf(report: RTCStatsReport, type: "inbound-rtp" | "media-source"): AudioLevel[] {
  const levels: AudioLevel[] = [];
  report.forEach((stats: AudioStats) => {
    if (stats.type !== type || stats.kind !== "audio" || stats.audioLevel === undefined) return;
    levels.push({ mediaTrackId: stats.trackIdentifier, level: stats.audioLevel });
  });
  return levels;
}
