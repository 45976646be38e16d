import type { Candidate } from "./candidate.ts";

/** Those in the region, where there are any; all of them otherwise. */
export function preferRegion(candidates: readonly Candidate[], region: string): readonly Candidate[] {
  const near = region === "" ? [] : candidates.filter(({ node }) => node.region === region);
  return near.length > 0 ? near : candidates;
}

/**
 * The less loaded of two taken at random. Figures are always a little old: whoever takes the best of all sends everybody
 * to the same node until its next report (M. Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001).
 */
export function chooseOfTwo(candidates: readonly Candidate[], random: () => number): Candidate {
  const first = Math.floor(random() * candidates.length);
  const step = 1 + Math.floor(random() * (candidates.length - 1));
  const a = candidates[first] as Candidate;
  const b = candidates[(first + step) % candidates.length] as Candidate;
  return b.stress < a.stress ? b : a;
}
