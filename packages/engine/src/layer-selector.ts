import type { ProducerStream } from "./producer-stream.ts";

/**
 * The encoding that a receiver with this wish should get: the best that is being sent and not above the wish; where there
 * is none, the lowest above it that is being sent; where nothing is being sent, the best one allowed.
 */
export function selectEncoding(streams: readonly ProducerStream[], maxSpatialId: number): ProducerStream | undefined {
  const limit = Math.min(Math.max(maxSpatialId, 0), streams.length - 1);
  for (let i = limit; i >= 0; i--) {
    if (streams[i].active) return streams[i];
  }
  for (let i = limit + 1; i < streams.length; i++) {
    if (streams[i].active) return streams[i];
  }
  return streams[limit];
}
