/** A packet to be sent, without its header. */
export interface SourcePacket {
  readonly payload: Uint8Array;
  readonly marker: boolean;
  /** Dependency descriptor of it, where the format has one. */
  readonly descriptor?: Uint8Array;
}

/** An encoder as far as the network sees it. */
export interface FrameSource {
  readonly keyframes: number;
  readonly frames: number;
  /** The next picture will be a keyframe. */
  requestKeyframe(): void;
  /** Encodes one picture. */
  next(captureUs: number): SourcePacket[];
}
