import { AllocationTier } from "@cation/engine/allocation/allocation-tier";
import { TrackPriority } from "@cation/proto/client/v1/client";
import { TrackSource } from "@cation/proto/common/v1/common";
import type { Encoding, Track } from "@cation/proto/state/v1/state";
import type { SubscriptionSettings } from "./subscriptions.ts";

/** A picture may be shown so much larger than it is before the next larger one is worth its bits. */
const UPSCALE = 1.15;
/** Frames a second of the lowest and of the middle temporal layer, where a track has three. */
const LOWEST_FRAME_RATE = 8;
const MIDDLE_FRAME_RATE = 15;

/** The layers that a wish comes down to. */
export interface WishedLayers {
  readonly maxSpatialId: number | undefined;
  readonly maxTemporalId: number | undefined;
}

/** What to send at most, by what the receiver said it shows: a size, a frame rate, layers. */
export function wishedLayers(settings: SubscriptionSettings, track: Track): WishedLayers {
  return {
    maxSpatialId: smaller(settings.maxSpatialId, spatialIdFor(settings, track.encodings)),
    maxTemporalId: smaller(settings.maxTemporalId, temporalIdFor(settings.maxFrameRate)),
  };
}

/** How much a receiver cares for a track beside its others. */
export function tierOf({ priority }: SubscriptionSettings, { source }: Track): AllocationTier {
  switch (priority) {
    case TrackPriority.PINNED:
      return AllocationTier.PINNED;
    case TrackPriority.ON_STAGE:
      return AllocationTier.ON_STAGE;
    case TrackPriority.LOW:
      return AllocationTier.LOW;
    default:
      return source === TrackSource.SCREEN ? AllocationTier.SCREEN_SHARE : AllocationTier.OTHER;
  }
}

interface LayerSize {
  readonly width: number;
  readonly height: number;
}

/** The lowest encoding, or layer of the only one, that covers the size; undefined where the publisher said no sizes. */
function spatialIdFor({ width, height }: SubscriptionSettings, encodings: readonly Encoding[]): number | undefined {
  const sizes = spatialSizes(encodings);
  if (width === undefined || height === undefined || sizes.length < 2) return undefined;
  const covering = sizes.findIndex((size) => size.width * UPSCALE >= width && size.height * UPSCALE >= height);
  const areSizesKnown = sizes.every((size) => size.width > 0 && size.height > 0);
  return !areSizesKnown || covering < 0 ? undefined : covering;
}

/** Sizes by spatial id, lowest first. Inside one encoding each layer has half the size of the next (L modes of WebRTC-SVC). */
function spatialSizes(encodings: readonly Encoding[]): readonly LayerSize[] {
  const [only] = encodings;
  if (encodings.length !== 1 || only === undefined) return encodings;
  return Array.from({ length: only.spatialLayers }, (_, spatialId) => {
    const scale = 2 ** (only.spatialLayers - 1 - spatialId);
    return { width: Math.floor(only.width / scale), height: Math.floor(only.height / scale) };
  });
}

function temporalIdFor(maxFrameRate: number | undefined): number | undefined {
  if (maxFrameRate === undefined || maxFrameRate > MIDDLE_FRAME_RATE) return undefined;
  return maxFrameRate <= LOWEST_FRAME_RATE ? 0 : 1;
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
