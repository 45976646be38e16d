/** What one tile of somebody else showed while it was watched. */
export interface TileMeasurement {
  readonly name: string;
  /** Size of the decoded picture. */
  readonly width: number;
  readonly height: number;
  /** Frames that the decoder put out, a second (w3c webrtc-stats `framesDecoded`). */
  readonly decodedFps: number;
  /** Frames that were given to the screen, a second. */
  readonly shownFps: number;
  /** How often the picture differed from the one looked at before, of how often it was looked at. */
  readonly changes: number;
  readonly looks: number;
  /** Times the picture stood still (w3c webrtc-stats `freezeCount`). */
  readonly freezes: number;
}

/** What somebody else sounded like. */
export interface SoundMeasurement {
  /** Loudest moment at the tone, in dB of full scale. */
  readonly toneDb: number;
  /** Loudest moment at a frequency where neither the tone nor its harmonics are. */
  readonly besideToneDb: number;
}

export interface PageMeasurement {
  readonly tiles: readonly TileMeasurement[];
  readonly sounds: readonly SoundMeasurement[];
}

/** What a page sends of its camera: its largest encoding. */
export interface SentVideo {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

/** Counts of what is received: of the only picture, and of all sounds. */
export interface ReceivedMedia {
  readonly framesDecoded: number;
  /** Of the last decoded picture; 0 before the first. */
  readonly height: number;
  /** Samples played, and those of them that were made up. */
  readonly totalSamples: number;
  readonly concealedSamples: number;
}

/** For how long to watch, and which frequencies to listen to. */
export interface MeasureOptions {
  readonly durationMs: number;
  readonly toneHz: number;
  readonly besideHz: number;
}

/** What probe.ts adds to a page, as `probe`. */
export interface Probe {
  /** Watches and listens to everybody else. */
  measure(options: MeasureOptions): Promise<PageMeasurement>;
  measureSent(): Promise<SentVideo>;
  received(): Promise<ReceivedMedia>;
  /** Codecs of the video that is received, for example "video/VP9". */
  receivedVideoCodecs(): Promise<string[]>;
  /** ICE user names of the page's open connections, its own and the server's; new ones after an ICE restart. */
  iceUfrags(): string[];
  /** Waits until a moving picture is in the tile; how long that took, or undefined when it took too long. */
  waitForPicture(selector: string, timeoutMs: number): Promise<number | undefined>;
}
