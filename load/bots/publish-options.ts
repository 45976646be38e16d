/** What a bot sends. */
export interface PublishOptions {
  readonly audio: boolean;
  /** `true` plays the recording as it is. */
  readonly video: boolean | VideoOptions;
}

export interface VideoOptions {
  /** Of all encodings together; 0 for what the recordings have. */
  readonly bitrateBps: number;
  /** Three encodings, as browsers send them: q, h and f. */
  readonly simulcast: boolean;
}
