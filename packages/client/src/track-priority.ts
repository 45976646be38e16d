import { TrackPriority as WirePriority } from "@cation/proto/client/v1/client";

/** Whose picture comes first where the network does not carry all of them; "auto": screens, then who spoke last. */
export type TrackPriority = "auto" | "low" | "on-stage" | "pinned";

const TO_WIRE: Readonly<Record<TrackPriority, WirePriority>> = {
  auto: WirePriority.UNSPECIFIED,
  low: WirePriority.LOW,
  "on-stage": WirePriority.ON_STAGE,
  pinned: WirePriority.PINNED,
};

export function priorityToWire(priority: TrackPriority): WirePriority {
  return TO_WIRE[priority];
}
