/** Payload of one RTP packet, and whether the frame ends with it. */
export interface SourcePacket {
  readonly payload: Uint8Array;
  readonly marker: boolean;
}

/** What a bot publishes: a stream of frames, each cut into RTP payloads. */
export interface MediaSource {
  readonly clockRateHz: number;
  readonly frameIntervalMs: number;
  /**
   * Payloads of the next frame; the array and what it holds are the caller's. `nowUs`, on the machine's monotonic clock,
   * is put behind the frame (see send-time.ts).
   */
  nextFrame(nowUs: number): SourcePacket[];
  /** The next frame shall be decodable by itself. */
  requestKeyframe(): void;
}
