/** Figures as people read them. */

/** "1.2 Mb/s". */
export function formatBps(bps: number): string {
  if (bps < 1_000) return bps < 1 ? "0" : "< 1 kb/s";
  if (bps < 1_000_000) return `${Math.round(bps / 1_000)} kb/s`;
  if (bps < 1_000_000_000) return `${trim(bps / 1_000_000)} Mb/s`;
  return `${trim(bps / 1_000_000_000)} Gb/s`;
}

/** "12.3 k". */
export function formatCount(count: number): string {
  if (count < 1_000) return String(Math.round(count));
  if (count < 1_000_000) return `${trim(count / 1_000)} k`;
  return `${trim(count / 1_000_000)} M`;
}

/** "3 h 12 min". */
export function formatDuration(durationMs: number): string {
  const minutes = Math.floor(durationMs / 60_000);
  if (minutes < 1) return `${Math.max(0, Math.floor(durationMs / 1_000))} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** "0.4 %". */
export function formatShare(share: number): string {
  return share > 0 && share < 0.001 ? "< 0.1 %" : `${trim(share * 100)} %`;
}

/** How good it is for the one who hears and sees it. */
export type Grade = "good" | "fair" | "poor" | "unknown";

/** @param score 1 … 5; 0 for not known */
export function gradeOf(score: number): Grade {
  if (score <= 0) return "unknown";
  if (score >= 4) return "good";
  return score >= 3 ? "fair" : "poor";
}

/** @param stress 0 idle … 1 full */
export function gradeOfStress(stress: number): Grade {
  if (stress < 0.7) return "good";
  return stress < 0.9 ? "fair" : "poor";
}

function trim(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1).replace(/\.0$/, "");
}
