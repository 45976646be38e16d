import type { BandwidthBounds, BandwidthScenario } from "./bandwidth-run.ts";

const MBPS = 1_000_000;
const CAPACITY = { rateBps: 3 * MBPS, delayUs: 20_000 };
const STEADY: BandwidthBounds = { minEstimateRatio: 0.85, maxEstimateRatio: 1, maxQueueP95Ms: 60, maxUpMs: 8_000 };

function roundTrip(rttMs: number): BandwidthScenario {
  return {
    name: `rtt-${rttMs}`,
    durationMs: 40_000,
    link: { ...CAPACITY, delayUs: rttMs * 500 },
    demandBps: 10 * MBPS,
    steps: [],
    bounds: STEADY,
  };
}

function randomLoss(percent: number, bounds: BandwidthBounds): BandwidthScenario {
  return {
    name: `loss-${percent}`,
    durationMs: 60_000,
    link: { ...CAPACITY, loss: percent / 100 },
    demandBps: 10 * MBPS,
    steps: [],
    bounds,
  };
}

/** The scenarios of send-side estimation: one sender that wants more than the path carries, unless said otherwise. */
export const BANDWIDTH_SCENARIOS: readonly BandwidthScenario[] = [
  {
    name: "capacity-3000-500-3000",
    durationMs: 90_000,
    link: CAPACITY,
    demandBps: 10 * MBPS,
    steps: [
      { atMs: 30_000, link: { rateBps: 0.5 * MBPS } },
      { atMs: 60_000, link: { rateBps: 3 * MBPS } },
    ],
    bounds: { ...STEADY, maxDownMs: 2_000 },
  },
  ...[20, 100, 200, 400].map(roundTrip),
  randomLoss(2, STEADY),
  randomLoss(10, { minEstimateRatio: 0.4, maxQueueP95Ms: 60 }),
  randomLoss(30, { maxQueueP95Ms: 60 }),
  {
    name: "jitter-200",
    durationMs: 60_000,
    link: { ...CAPACITY, jitterUs: 200_000 },
    demandBps: 10 * MBPS,
    steps: [],
    bounds: { minEstimateRatio: 0.6, maxQueueP95Ms: 150 },
  },
  {
    name: "application-limited",
    durationMs: 60_000,
    link: CAPACITY,
    demandBps: 0.3 * MBPS,
    steps: [{ atMs: 30_000, demandBps: 10 * MBPS }],
    bounds: STEADY,
  },
  {
    name: "competing-flows",
    durationMs: 90_000,
    link: CAPACITY,
    demandBps: 10 * MBPS,
    flows: 2,
    steps: [],
    bounds: { minEstimateRatio: 0.85, maxQueueP95Ms: 60, maxUnfairness: 2 },
  },
];
