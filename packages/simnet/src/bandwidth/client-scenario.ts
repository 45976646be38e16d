import type { LinkConfig } from "../link-model.ts";

/** What changes at a time of a run. */
export interface ClientStep {
  readonly atMs: number;
  readonly link?: Partial<LinkConfig>;
  /** Whether the viewers want everything, or the smallest picture of one track only. */
  readonly demand?: "everything" | "little";
}

/** Lowest and highest allowed; what is left out is printed, not bounded. */
export interface ClientBounds {
  readonly minEstimateRatio?: number;
  readonly maxEstimateRatio?: number;
  readonly minUtilisation?: number;
  readonly maxQueueP95Ms?: number;
  readonly maxDownMs?: number;
  readonly maxUpMs?: number;
  readonly maxSwitchesPerMin?: number;
  readonly maxUndecodableFrames?: number;
  /** Largest share of a viewer over the smallest. */
  readonly maxUnfairness?: number;
}

/** A downlink, who shares it, what happens to it, and how well the engine must do. */
export interface ClientScenario {
  readonly name: string;
  readonly durationMs: number;
  readonly link: Partial<LinkConfig>;
  /** Viewers behind the same link. Default 1. */
  readonly viewers?: number;
  /** Publishers, each with three encodings of 0.12, 0.4 and 1.2 Mb/s, which every viewer watches. Default 4. */
  readonly publishers?: number;
  readonly demand?: "everything" | "little";
  readonly steps: readonly ClientStep[];
  readonly bounds: ClientBounds;
}

/** Times in ms are -1 where the scenario has no such change; as long as there was time where it was never reached. */
export interface ClientResult {
  readonly scenario: string;
  readonly seed: number;
  /** Estimate over capacity in steady state. */
  readonly estimateRatio: number;
  /** What was sent, over the best set of layers that fits into 95 % of the capacity. */
  readonly utilisation: number;
  /** Of the link's queue, outside of the 5 s after a change. */
  readonly queueP95Ms: number;
  readonly downMs: number;
  readonly upMs: number;
  /** Changes of encodings, by viewer and track. */
  readonly switchesPerMin: number;
  /** Frames that a viewer could not decode although the network lost nothing that was not repaired. */
  readonly undecodableFrames: number;
  readonly unfairness: number;
  readonly bounds: ClientBounds;
  readonly ok: boolean;
}

/** Names of the bounds that a result breaks. */
export function brokenClientBounds(result: Omit<ClientResult, "ok">): string[] {
  const { bounds } = result;
  const broken: string[] = [];
  const atLeast = (name: string, value: number, bound = Number.NEGATIVE_INFINITY) => {
    if (value < bound) broken.push(`${name} ${value} < ${bound}`);
  };
  const atMost = (name: string, value: number, bound = Number.POSITIVE_INFINITY) => {
    if (value > bound) broken.push(`${name} ${value} > ${bound}`);
  };
  atLeast("estimateRatio", result.estimateRatio, bounds.minEstimateRatio);
  atMost("estimateRatio", result.estimateRatio, bounds.maxEstimateRatio);
  atLeast("utilisation", result.utilisation, bounds.minUtilisation);
  atMost("queueP95Ms", result.queueP95Ms, bounds.maxQueueP95Ms);
  atMost("downMs", result.downMs, bounds.maxDownMs);
  atMost("upMs", result.upMs, bounds.maxUpMs);
  atMost("switchesPerMin", result.switchesPerMin, bounds.maxSwitchesPerMin);
  atMost("undecodableFrames", result.undecodableFrames, bounds.maxUndecodableFrames);
  atMost("unfairness", result.unfairness, bounds.maxUnfairness);
  return broken;
}
