/** Whose picture matters more to a subscriber; lower numbers are served first. */
export const AllocationTier = {
  SCREEN_SHARE: 0,
  PINNED: 1,
  ON_STAGE: 2,
  /** Spoke recently; among themselves by how recently. */
  SPEAKER: 3,
  OTHER: 4,
  /** Last, whoever speaks. */
  LOW: 5,
} as const;

export type AllocationTier = (typeof AllocationTier)[keyof typeof AllocationTier];

/** Up to here a picture is in the foreground: it gets a fair size before others get any. */
export const LAST_FOREGROUND_TIER: AllocationTier = AllocationTier.ON_STAGE;
