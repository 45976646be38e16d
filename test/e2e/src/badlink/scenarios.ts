import type { LinkConfig } from "@cation/simnet/link-model";
import type { RelayDirection } from "@cation/simnet/udp-relay";

/** Highest and lowest allowed after the first 10 s; what is left out is printed, not bounded. */
export interface BadlinkBounds {
  /** Longest time without a new picture. */
  readonly maxFreezeMs?: number;
  /** Longest time in which the sound is made up. */
  readonly maxAudioGapMs?: number;
  readonly minFps?: number;
  readonly maxHeight?: number;
  /** Until the picture is as large again as before the link got worse. */
  readonly maxRecoveryMs?: number;
}

/** One direction of one person's link, and what happens to it. */
export interface BadlinkScenario {
  readonly name: string;
  readonly direction: RelayDirection;
  readonly durationMs: number;
  readonly link: Partial<LinkConfig>;
  readonly steps: readonly { readonly atMs: number; readonly link: Partial<LinkConfig> }[];
  readonly bounds: BadlinkBounds;
}

const BASE = { delayUs: 20_000, queueBytes: 60_000 };
const QUEUE_300 = { ...BASE, queueBytes: 20_000 };

function both(
  name: string,
  link: Partial<LinkConfig>,
  bounds: Readonly<Record<RelayDirection, BadlinkBounds>>,
): BadlinkScenario[] {
  return (["down", "up"] as const).map((direction) => ({
    name: `${name}-${direction}`,
    direction,
    durationMs: 30_000,
    link,
    steps: [],
    bounds: bounds[direction],
  }));
}

/** "down" is the link of who watches, "up" of who is watched. */
export const BADLINK_SCENARIOS: readonly BadlinkScenario[] = [
  ...both(
    "1-mbps",
    { ...BASE, rateBps: 1_000_000 },
    {
      down: { maxFreezeMs: 2_000, maxAudioGapMs: 200, minFps: 10 },
      up: { maxFreezeMs: 2_000, maxAudioGapMs: 400, minFps: 10 },
    },
  ),
  // The picture may pause here; the sound may not.
  ...both(
    "300-kbps",
    { ...QUEUE_300, rateBps: 300_000 },
    {
      down: { maxAudioGapMs: 200, maxHeight: 240 },
      up: { maxAudioGapMs: 400 },
    },
  ),
  ...both(
    "loss-5",
    { ...BASE, loss: 0.05 },
    {
      down: { maxFreezeMs: 2_000, maxAudioGapMs: 400 },
      up: { maxFreezeMs: 2_000, maxAudioGapMs: 400 },
    },
  ),
  ...both("loss-15", { ...BASE, loss: 0.15 }, { down: { maxFreezeMs: 5_000 }, up: { maxFreezeMs: 5_000 } }),
  ...both(
    "delay-150",
    { ...BASE, delayUs: 150_000 },
    {
      down: { maxFreezeMs: 1_500, maxAudioGapMs: 200, minFps: 12 },
      up: { maxFreezeMs: 1_500, maxAudioGapMs: 200, minFps: 12 },
    },
  ),
  {
    name: "changing-down",
    direction: "down",
    durationMs: 60_000,
    link: { ...BASE, rateBps: 2_000_000 },
    steps: [
      { atMs: 20_000, link: { rateBps: 300_000 } },
      { atMs: 35_000, link: { rateBps: 2_000_000 } },
    ],
    bounds: { maxAudioGapMs: 2_500, maxRecoveryMs: 20_000 },
  },
];
