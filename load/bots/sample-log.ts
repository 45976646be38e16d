import type { MediaSummary, ReceivedKind } from "./media-summary.ts";

/** Something that happened to a bot, or what it saw in the last seconds. */
export type SampleBody =
  /** It is in the room. */
  | { readonly kind: "join"; readonly joinMs: number; readonly nodeId: string }
  | { readonly kind: "joinFailed"; readonly code: string; readonly message: string }
  /** Its receiving connection has keys. From the start of the join. */
  | { readonly kind: "connected"; readonly connectedMs: number }
  /** A picture could be decoded: from the start of the join, and from its answer. */
  | { readonly kind: "firstFrame"; readonly firstFrameMs: number; readonly afterJoinMs: number }
  /** It made a new session in place of a lost one. */
  | { readonly kind: "rejoin"; readonly nodeId: string }
  | { readonly kind: "ended"; readonly reason: string }
  | ({ readonly kind: "media"; readonly intervalMs: number } & Readonly<Record<ReceivedKind, MediaSummary | undefined>>)
  /** Bits a second that it sent, by encoding ("audio", "video", or the rid). */
  | { readonly kind: "sent"; readonly bitrateBps: Readonly<Record<string, number>> };

export type Sample = SampleBody & {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly bot: number;
  readonly group: string;
};

/** A page of samples. */
export interface SamplePage {
  /** To be passed for the next page. */
  readonly cursor: number;
  /** Samples after the cursor that were overwritten before they were read. */
  readonly lost: number;
  readonly samples: readonly Sample[];
}

/** The newest samples, numbered: each reader has a cursor of its own. */
export class SampleLog {
  readonly #ring: (Sample | undefined)[];
  #count = 0;

  /** Keeps so many; older ones are overwritten, and a reader that is too slow is told how many it missed. */
  constructor(capacity: number) {
    this.#ring = Array.from({ length: capacity });
  }

  add(sample: Sample): void {
    this.#ring[this.#count % this.#ring.length] = sample;
    this.#count += 1;
  }

  /** Samples after the cursor, `limit` at most. A reader starts with 0. */
  read(cursor: number, limit: number): SamplePage {
    const oldest = Math.max(0, this.#count - this.#ring.length);
    const first = Math.min(Math.max(cursor, oldest), this.#count);
    const end = Math.min(this.#count, first + limit);
    const samples: Sample[] = [];
    for (let i = first; i < end; i++) {
      const sample = this.#ring[i % this.#ring.length];
      if (sample) samples.push(sample);
    }
    return { cursor: end, lost: Math.max(0, oldest - cursor), samples };
  }
}
