import type { FrameGap } from "./frame-history.ts";

/** How long a source was not seen or heard within a window; see FrameHistory. */
export interface SourceGap extends FrameGap {
  /** "identity/source": outlives the publisher's moves. */
  readonly source: string;
  readonly kind: "audio" | "video";
}
