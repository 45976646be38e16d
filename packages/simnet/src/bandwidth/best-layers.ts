/** Bitrates of a track by rising layers, "nothing" left out. */
export type Ladder = readonly number[];

const STEP_BPS = 5_000;

/** The most that a set of layers, at most one step of each track, can take without exceeding the limit. */
export function bestLayersBps(ladders: readonly Ladder[], limitBps: number): number {
  const cells = Math.floor(limitBps / STEP_BPS) + 1;
  // Which sums can be reached; each in units of STEP_BPS, rounded up, so that the best is not overstated.
  let reachable = new Uint8Array(cells);
  reachable[0] = 1;
  for (const ladder of ladders) {
    const next = reachable.slice();
    for (const bps of ladder) {
      const units = Math.ceil(bps / STEP_BPS);
      for (let sum = 0; sum + units < cells; sum++) if (reachable[sum] === 1) next[sum + units] = 1;
    }
    reachable = next;
  }
  return reachable.lastIndexOf(1) * STEP_BPS;
}
