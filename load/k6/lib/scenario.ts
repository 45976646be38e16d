import exec from "k6/execution";
import type { Options, Scenario, Threshold } from "k6/options";

/** Time for the last samples to be taken in. */
const LAST_SAMPLES_SECONDS = 5;
/** Publishers are there before anybody watches. */
export const PUBLISHERS_FIRST_SECONDS = 3;

/** A virtual user that takes the bots' samples in, for the whole run. */
function collecting(seconds: number): Scenario {
  return {
    executor: "constant-vus",
    exec: "collect",
    vus: 1,
    duration: `${Math.ceil(seconds + LAST_SAMPLES_SECONDS)}s`,
    gracefulStop: "2s",
  };
}

/** One call at the start of the run, or after so many seconds. */
export function once(name: string, afterSeconds = 0): Scenario {
  return {
    executor: "shared-iterations",
    exec: name,
    vus: 1,
    iterations: 1,
    startTime: `${afterSeconds}s`,
    maxDuration: "60s",
  };
}

/** `total` calls at a steady pace, whatever each takes. */
export function paced(name: string, total: number, perSecond: number, afterSeconds: number): Scenario {
  return {
    executor: "constant-arrival-rate",
    exec: name,
    rate: perSecond,
    timeUnit: "1s",
    // The executor may do one more or less; `isBeyond` cuts it to the number.
    duration: `${Math.max(1, (total + 1) / perSecond).toFixed(3)}s`,
    startTime: `${afterSeconds}s`,
    preAllocatedVUs: Math.max(5, Math.ceil(perSecond / 2)),
    gracefulStop: "10s",
  };
}

/** Whether this call of a paced scenario is one more than was wanted. */
export function isBeyond(total: number): boolean {
  return exec.scenario.iterationInTest >= total;
}

/** The turn of this call within its scenario, from 0. */
export function turn(): number {
  return exec.scenario.iterationInTest;
}

/** Options of a run: its scenarios, how long they take all in all, and what must hold at the end. */
export function runOf(
  scenarios: Record<string, Scenario>,
  seconds: number,
  thresholds: Record<string, Threshold[]>,
): Options {
  return {
    scenarios: { ...scenarios, samples: collecting(seconds) },
    thresholds: { ...thresholds, ...SOUND },
    noConnectionReuse: false,
    summaryTrendStats: ["avg", "min", "med", "p(90)", "p(95)", "p(99)", "max", "count"],
  };
}

/** Else the figures say nothing. */
const SOUND: Record<string, Threshold[]> = {
  bots_saturated: ["count==0"],
  bots_missed_samples: ["count==0"],
};

/** Bounds that hold for whoever watches, where nothing breaks. */
export function steadyThresholds(group: string, bots: number): Record<string, Threshold[]> {
  return {
    ...joinThresholds(group, bots),
    media_loss_percent: ["value<0.1"],
    media_freezes: ["count==0"],
  };
}

/** Bounds of joining: everybody is in, soon, and sees something. */
export function joinThresholds(group: string, bots: number): Record<string, Threshold[]> {
  return {
    [`bot_join_ms{group:${group}}`]: ["p(95)<=3000"],
    [`bot_first_frame_ms{group:${group}}`]: ["p(95)<=1000"],
    [`bot_joins{group:${group}}`]: [`count==${bots}`],
    [`bot_first_frames{group:${group}}`]: [`count==${bots}`],
    bot_join_failures: ["count==0"],
  };
}
