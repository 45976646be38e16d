import { AllocationReason as EngineReason } from "@cation/engine/allocation/allocation-reason";
import type { AllocationItem } from "@cation/engine/allocation/allocation-item";
import { AllocationReason } from "@cation/proto/client/v1/client";
import type { TrackAllocation } from "@cation/proto/client/v1/client";
import type { Clock, Timer } from "@cation/service-kit/clock";

/** Between two events: several tracks change together when the network does. */
const INTERVAL_MS = 300;

/** A track as far as its share is told. */
export interface RationedTrack {
  readonly trackId: string;
  /** Undefined before it is sent. */
  readonly allocation: AllocationItem | undefined;
}

/** Tells a participant which of its pictures are less than wished, and when they are whole again; each change once. */
export class AllocationTeller {
  readonly #clock: Clock;
  readonly #tell: (tracks: TrackAllocation[]) => void;
  readonly #changed = new Map<string, RationedTrack>();
  /** What was told of tracks that are not sent as wished. */
  readonly #told = new Map<string, TrackAllocation>();
  #timer: Timer | undefined;

  constructor(clock: Clock, tell: (tracks: TrackAllocation[]) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** What was told and still holds: a client that missed events is told again. */
  get current(): TrackAllocation[] {
    return [...this.#told.values()];
  }

  changed(track: RationedTrack): void {
    this.#changed.set(track.trackId, track);
    this.#timer ??= this.#clock.setTimer(INTERVAL_MS, () => {
      this.#timer = undefined;
      this.#flush();
    });
  }

  /** The track is not sent any more. */
  forget(trackId: string): void {
    this.#changed.delete(trackId);
    this.#told.delete(trackId);
  }

  close(): void {
    this.#timer?.cancel();
    this.#changed.clear();
  }

  #flush(): void {
    const news: TrackAllocation[] = [];
    for (const { trackId, allocation } of this.#changed.values()) {
      const now = describeAllocation(trackId, allocation);
      const before = this.#told.get(trackId);
      if (now === undefined ? before === undefined : isSame(before, now)) continue;
      if (now === undefined) this.#told.delete(trackId);
      else this.#told.set(trackId, now);
      news.push(now ?? whole(trackId, allocation));
    }
    this.#changed.clear();
    if (news.length > 0) this.#tell(news);
  }
}

/** The engine's reason as clients are told it. */
export function toReason(reason: EngineReason | undefined): AllocationReason {
  switch (reason) {
    case EngineReason.BANDWIDTH:
      return AllocationReason.BANDWIDTH;
    case EngineReason.AS_WISHED:
      return AllocationReason.AS_WISHED;
    default:
      return AllocationReason.UNSPECIFIED;
  }
}

/** Undefined for a track that is sent as wished, which needs no words. */
function describeAllocation(trackId: string, allocation: AllocationItem | undefined): TrackAllocation | undefined {
  if (allocation?.reason !== EngineReason.BANDWIDTH) return undefined;
  return { ...whole(trackId, allocation), reason: AllocationReason.BANDWIDTH, paused: allocation.spatialId < 0 };
}

function whole(trackId: string, allocation: AllocationItem | undefined): TrackAllocation {
  return {
    trackId,
    reason: AllocationReason.AS_WISHED,
    paused: false,
    spatialId: Math.max(0, allocation?.spatialId ?? 0),
    temporalId: Math.max(0, allocation?.temporalId ?? 0),
  };
}

function isSame(before: TrackAllocation | undefined, now: TrackAllocation): boolean {
  return before?.paused === now.paused && before.spatialId === now.spatialId && before.temporalId === now.temporalId;
}
