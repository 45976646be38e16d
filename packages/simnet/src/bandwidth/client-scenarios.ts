import type { ClientBounds, ClientScenario } from "./client-scenario.ts";

const MBPS = 1_000_000;
const CAPACITY = { rateBps: 3 * MBPS, delayUs: 20_000, queueBytes: 150_000 };
const STEADY: ClientBounds = {
  minEstimateRatio: 0.85,
  maxEstimateRatio: 1,
  minUtilisation: 0.85,
  maxQueueP95Ms: 60,
  maxUpMs: 8_000,
  maxUndecodableFrames: 0,
};

function roundTrip(rttMs: number): ClientScenario {
  return {
    name: `rtt-${rttMs}`,
    durationMs: 30_000,
    link: { ...CAPACITY, delayUs: rttMs * 500 },
    steps: [],
    bounds: STEADY,
  };
}

function randomLoss(percent: number, bounds: ClientBounds): ClientScenario {
  return {
    name: `loss-${percent}`,
    durationMs: 30_000,
    link: { ...CAPACITY, loss: percent / 100 },
    steps: [],
    bounds: { maxUndecodableFrames: 0, ...bounds },
  };
}

/** Estimation, pacing and allocation together, on a real engine: viewers who want more than their link carries, unless said otherwise. */
export const CLIENT_SCENARIOS: readonly ClientScenario[] = [
  {
    name: "capacity-3000-500-3000",
    durationMs: 75_000,
    link: CAPACITY,
    steps: [
      { atMs: 25_000, link: { rateBps: 0.5 * MBPS } },
      { atMs: 50_000, link: { rateBps: 3 * MBPS } },
    ],
    bounds: { ...STEADY, minUtilisation: 0.7, maxDownMs: 2_000 },
  },
  ...[20, 100, 200, 400].map(roundTrip),
  randomLoss(2, { ...STEADY, minEstimateRatio: 0.8, minUtilisation: 0.75 }),
  randomLoss(10, { minEstimateRatio: 0.5, minUtilisation: 0.5, maxQueueP95Ms: 60 }),
  randomLoss(30, { maxQueueP95Ms: 60 }),
  {
    name: "bursts",
    durationMs: 30_000,
    link: { ...CAPACITY, burst: { toBad: 0.002, toGood: 0.2, lossInGood: 0, lossInBad: 0.6 } },
    steps: [],
    bounds: { minEstimateRatio: 0.6, maxQueueP95Ms: 60, maxUndecodableFrames: 0 },
  },
  {
    name: "jitter-200",
    durationMs: 40_000,
    link: { ...CAPACITY, jitterUs: 200_000 },
    steps: [],
    bounds: { minEstimateRatio: 0.6, minUtilisation: 0.6, maxQueueP95Ms: 100, maxUndecodableFrames: 0 },
  },
  {
    name: "application-limited",
    durationMs: 50_000,
    link: CAPACITY,
    demand: "little",
    steps: [{ atMs: 25_000, demand: "everything" }],
    bounds: { ...STEADY, minEstimateRatio: 0.8, minUtilisation: 0.7 },
  },
  {
    name: "competing-viewers",
    durationMs: 40_000,
    link: CAPACITY,
    viewers: 2,
    steps: [],
    bounds: { minEstimateRatio: 0.8, maxQueueP95Ms: 60, maxUnfairness: 2, maxUndecodableFrames: 0 },
  },
  {
    name: "fifty-consumers",
    durationMs: 25_000,
    link: { ...CAPACITY, rateBps: 2 * MBPS },
    publishers: 50,
    steps: [],
    bounds: {
      minEstimateRatio: 0.65,
      maxEstimateRatio: 1,
      minUtilisation: 0.65,
      maxQueueP95Ms: 60,
      maxUndecodableFrames: 0,
    },
  },
];
