import type { Encoding, Track } from "@cation/proto/state/v1/state";
import { MediaKind } from "@cation/proto/common/v1/common";
import type { VideoSize } from "./encodings.ts";
import { type TrackShare, WHOLE_SHARE } from "./media-report.ts";
import type { TrackPriority } from "./track-priority.ts";
import { type TrackSource, sourceFromWire } from "./track-source.ts";

export type TrackKind = "audio" | "video";

/** What to receive of a track. What is left out keeps its value. */
export interface SubscriptionWish {
  readonly subscribed?: boolean;
  /** Stops the media, but is quick to come back. */
  readonly paused?: boolean;
  /** Encoding to receive at most, from 0 (lowest); undefined means the best. */
  readonly maxSpatialId?: number | undefined;
  /** Temporal layer to receive at most; undefined means all. */
  readonly maxTemporalId?: number | undefined;
  /** Size at which the picture is shown, in pixels of the screen: nothing larger than what covers it is sent. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  /** Frames a second that are enough; undefined means all. */
  readonly maxFrameRate?: number | undefined;
  /** Beside the other tracks, where the connection does not carry all of them. */
  readonly priority?: TrackPriority;
}

/** How a published track is described and sent. */
export interface PublishOptions {
  readonly source: TrackSource;
  /** Free name, at most 128 bytes. */
  readonly name?: string;
  /**
   * Send several sizes of a camera's picture, so that each viewer gets one that fits: by simulcast (VP8, H264), or as
   * layers of one stream (VP9, AV1). Default: true.
   */
  readonly simulcast?: boolean;
  /** Video codec to prefer, for example "video/VP9"; default: the browser's first choice. */
  readonly codec?: string;
  /**
   * Audio: send each packet's sound again with the next (RED, RFC 2198), which hides single losses and costs about twice the
   * bits. Receivers without RED get plain Opus. Default: false.
   */
  readonly redundancy?: boolean;
  readonly muted?: boolean;
}

/** What a track of one's own asks of its room. */
export interface LocalTrackControl {
  setMuted(track: LocalTrack, muted: boolean): Promise<void>;
  replaceMedia(track: LocalTrack, mediaTrack: MediaStreamTrack | null): Promise<void>;
  unpublish(track: LocalTrack): Promise<void>;
}

/** A track that this participant publishes. Lives until it is unpublished; its id changes when a session is lost. */
export class LocalTrack {
  readonly kind: TrackKind;
  readonly source: TrackSource;
  readonly name: string;
  readonly options: PublishOptions;
  readonly #control: LocalTrackControl;
  #id = "";
  #muted: boolean;
  #mediaTrack: MediaStreamTrack | null;
  #size: VideoSize;

  constructor(mediaTrack: MediaStreamTrack, options: PublishOptions, control: LocalTrackControl) {
    this.kind = mediaTrack.kind === "audio" ? "audio" : "video";
    this.source = options.source;
    this.name = options.name ?? "";
    this.options = options;
    this.#control = control;
    this.#mediaTrack = mediaTrack;
    this.#size = sizeOf(mediaTrack);
    this.#muted = options.muted ?? false;
    mediaTrack.enabled = !this.#muted;
  }

  /** Valid cluster-wide; empty until the server knows the track. */
  get id(): string {
    return this.#id;
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** What is sent; null while nothing is. */
  get mediaTrack(): MediaStreamTrack | null {
    return this.#mediaTrack;
  }

  /** Size of the captured picture, of the last one while there is none. */
  get size(): VideoSize {
    return this.#size;
  }

  /** Sends silence or black and tells the others; the capture goes on, so that unmuting is immediate. */
  mute(): Promise<void> {
    return this.#control.setMuted(this, true);
  }

  unmute(): Promise<void> {
    return this.#control.setMuted(this, false);
  }

  /** Sends another capture in place of this one (same kind), or with null nothing, so that a device can be let go. */
  replaceMedia(mediaTrack: MediaStreamTrack | null): Promise<void> {
    return this.#control.replaceMedia(this, mediaTrack);
  }

  /** Stops sending. The capture is the caller's to stop. */
  unpublish(): Promise<void> {
    return this.#control.unpublish(this);
  }

  /** @internal */
  setId(id: string): void {
    this.#id = id;
  }

  /** @internal */
  setMutedState(muted: boolean): void {
    this.#muted = muted;
    if (this.#mediaTrack !== null) this.#mediaTrack.enabled = !muted;
  }

  /** @internal */
  setMediaTrack(mediaTrack: MediaStreamTrack | null): void {
    this.#mediaTrack = mediaTrack;
    if (mediaTrack === null) return;
    mediaTrack.enabled = !this.#muted;
    this.#size = sizeOf(mediaTrack);
  }
}

function sizeOf(mediaTrack: MediaStreamTrack): VideoSize {
  const { width = 0, height = 0 } = mediaTrack.getSettings();
  return { width, height };
}

/** A track that somebody else publishes. */
export class RemoteTrack {
  readonly id: string;
  readonly participantId: string;
  readonly kind: TrackKind;
  readonly source: TrackSource;
  readonly name: string;
  readonly encodings: readonly Encoding[];
  #muted: boolean;
  #mediaTrack: MediaStreamTrack | undefined;
  #share: TrackShare = WHOLE_SHARE;

  constructor(track: Track) {
    this.id = track.trackId;
    this.participantId = track.participantId;
    this.kind = track.kind === MediaKind.AUDIO ? "audio" : "video";
    this.source = sourceFromWire(track.source, this.kind);
    this.name = track.name;
    this.encodings = track.encodings;
    this.#muted = track.muted;
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** What this participant's own connection lets through of it. */
  get share(): TrackShare {
    return this.#share;
  }

  /** What is received; undefined while not subscribed, and for sound while others are louder. */
  get mediaTrack(): MediaStreamTrack | undefined {
    return this.#mediaTrack;
  }

  /** @internal */
  setMutedState(muted: boolean): void {
    this.#muted = muted;
  }

  /** @internal */
  setMediaTrack(mediaTrack: MediaStreamTrack | undefined): void {
    this.#mediaTrack = mediaTrack;
  }

  /** @internal */
  setShare(share: TrackShare): void {
    this.#share = share;
  }
}
