/** A score (1 … 5) as a person reads it. */
export interface QualityWords {
  /** Bars of four. */
  readonly bars: 1 | 2 | 3 | 4;
  readonly label: string;
  readonly grade: "good" | "fair" | "poor";
}

export function qualityWords(score: number): QualityWords {
  if (score >= 4.2) return { bars: 4, label: "Connection is very good", grade: "good" };
  if (score >= 3.4) return { bars: 3, label: "Connection is good", grade: "good" };
  if (score >= 2.4) return { bars: 2, label: "Connection is unsteady", grade: "fair" };
  return { bars: 1, label: "Connection is poor", grade: "poor" };
}

/** "1.2 Mb/s", "320 kb/s", "–" for nothing. */
export function bitrateInWords(bps: number): string {
  if (bps <= 0) return "–";
  if (bps >= 1_000_000) return `${(bps / 1_000_000).toFixed(1)} Mb/s`;
  return `${Math.round(bps / 1_000)} kb/s`;
}

/** "2.5 %" of 0.025; whole percents from ten on. */
export function shareInWords(share: number): string {
  const percent = share * 100;
  return `${percent >= 10 || percent === 0 ? Math.round(percent) : percent.toFixed(1)} %`;
}

export function millisecondsInWords(ms: number | undefined): string {
  return ms === undefined ? "–" : `${Math.round(ms)} ms`;
}
