import type { Producer } from "@cation/engine/producer";
import { SpeakerRanking } from "@cation/engine/speakers/speaker-ranking";
import { MediaKind, TrackSource } from "@cation/proto/common/v1/common";
import type { Track } from "@cation/proto/state/v1/state";
import type { MonoUs } from "@cation/rtp/units";
import type { Clock, Timer } from "@cation/service-kit/clock";
import type { ProducerListener } from "../track-sources.ts";
import type { TrackLease } from "../track-sources.ts";

/** Between two looks at who speaks: a listener hears a new voice within two of them. */
const LOOK_MS = 100;
/** Between two events about speakers. */
const TELL_MS = 500;
/** Shared sound is not ranked by its loudness: while there is any, it is heard. */
const SHARED_SOUND_LOUDNESS = 127;
const AUDIBLE = 40;

export interface RoomAudioOptions {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly nowUs: () => MonoUs;
  /** Voices that a listener hears at once, and that go over a link. */
  readonly maxStreams: number;
  readonly acquire: (track: Track, listener: ProducerListener) => TrackLease;
  /** Somebody began or ceased to speak, or to speak louder than others: lines are to follow. */
  readonly onRanking: () => void;
  /** Everybody's loudness was looked at. */
  readonly onLook: () => void;
  /** Participants that speak, the dominant one first; not more often than twice a second. */
  readonly onSpeakers: (participantIds: string[]) => void;
  /** Another participant dominates. */
  readonly onDominant: (participantId: string) => void;
}

interface Voice {
  track: Track;
  producer: Producer | undefined;
  lease: TrackLease | undefined;
  muted: boolean;
  /** Listeners on this node. */
  wants: number;
}

/**
 * The sound of a room on one node: how loud each track is, who is heard, who dominates. A track of another node comes here
 * as soon as one listener wants it, since who is not heard cannot be ranked; what its node does not find among its own
 * loudest sends no packets meanwhile.
 */
export class RoomAudio {
  readonly #options: RoomAudioOptions;
  readonly #voices = new Map<string, Voice>();
  readonly #ranking: SpeakerRanking<string>;
  #timer: Timer | undefined;
  #told: readonly string[] = [];
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: RoomAudioOptions) {
    this.#options = options;
    this.#ranking = new SpeakerRanking(options.maxStreams);
  }

  /** Track ids of those who speak, the loudest first. */
  get speaking(): readonly string[] {
    return this.#ranking.speaking;
  }

  /** All track ids: who speaks, then who spoke last. */
  get ranked(): readonly string[] {
    return this.#ranking.ranked;
  }

  /** Participants that were told of last. */
  get speakers(): readonly string[] {
    return this.#told;
  }

  /** A track is in the room, or goes on at another node. Pictures are passed over. */
  add(track: Track): void {
    if (this.#closed || track.kind !== MediaKind.AUDIO) return;
    const known = this.#voices.get(track.trackId);
    if (known) return this.#update(known, track);
    const voice: Voice = { track, producer: undefined, lease: undefined, muted: track.muted, wants: 0 };
    this.#voices.set(track.trackId, voice);
    this.#ranking.add(track.trackId);
    if (track.nodeId === this.#options.nodeId) this.#acquire(voice);
    this.#schedule();
  }

  remove(trackId: string): void {
    const voice = this.#voices.get(trackId);
    if (!voice) return;
    this.#voices.delete(trackId);
    this.#ranking.remove(trackId);
    voice.lease?.release();
    this.#tell();
  }

  setMuted(trackId: string, muted: boolean): void {
    const voice = this.#voices.get(trackId);
    if (voice) voice.muted = muted;
  }

  /** Forgets what is not in the room any more. */
  retain(isInRoom: (trackId: string) => boolean): void {
    for (const trackId of [...this.#voices.keys()]) if (!isInRoom(trackId)) this.remove(trackId);
  }

  /** A listener wants the track, heard or not. Returns what takes that back; idempotent. */
  want(trackId: string): () => void {
    const voice = this.#voices.get(trackId);
    if (!voice) return () => undefined;
    voice.wants += 1;
    this.#acquire(voice);
    let isTaken = false;
    return () => {
      if (isTaken) return;
      isTaken = true;
      voice.wants -= 1;
      if (voice.wants > 0 || voice.track.nodeId === this.#options.nodeId) return;
      voice.lease?.release();
      voice.lease = undefined;
      voice.producer = undefined;
    };
  }

  /**
   * Which tracks of this node are to go over links to others: all while there are few, else those that speak and who spoke
   * last. Stable while nobody else begins to speak.
   */
  loudestHere(): ReadonlySet<string> {
    const here = this.#ranking.ranked.filter((id) => this.#voices.get(id)?.track.nodeId === this.#options.nodeId);
    return new Set(here.slice(0, this.#options.maxStreams));
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const { lease } of this.#voices.values()) lease?.release();
    this.#voices.clear();
  }

  #update(voice: Voice, track: Track): void {
    const isMoved = voice.track.nodeId !== track.nodeId;
    voice.track = track;
    voice.muted = track.muted;
    if (!isMoved) return;
    const before = voice.lease;
    voice.lease = undefined;
    if (voice.wants > 0 || track.nodeId === this.#options.nodeId) this.#acquire(voice);
    before?.release();
  }

  #acquire(voice: Voice): void {
    voice.lease ??= this.#options.acquire(voice.track, (producer) => (voice.producer = producer));
  }

  #schedule(): void {
    if (this.#closed || this.#voices.size === 0) return;
    this.#timer ??= this.#options.clock.setTimer(LOOK_MS, () => {
      this.#timer = undefined;
      this.#look();
      this.#schedule();
    });
  }

  #look(): void {
    const nowUs = this.#options.nowUs();
    const before = this.#ranking.dominant;
    if (this.#ranking.look((trackId) => this.#loudnessOf(trackId, nowUs), nowUs)) this.#options.onRanking();
    this.#options.onLook();
    const dominant = this.#ranking.dominant;
    const voice = dominant === before || dominant === undefined ? undefined : this.#voices.get(dominant);
    if (voice) this.#options.onDominant(voice.track.participantId);
    this.#tell();
  }

  #loudnessOf(trackId: string, nowUs: MonoUs): number {
    const voice = this.#voices.get(trackId);
    if (!voice?.producer || voice.muted) return 0;
    const loudness = voice.producer.loudness(nowUs);
    const isShared = voice.track.source === TrackSource.SCREEN_AUDIO;
    return isShared && loudness >= AUDIBLE ? SHARED_SOUND_LOUDNESS : loudness;
  }

  /** What is shared is no speaker. */
  #tell(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#toldAtMs < TELL_MS) return;
    const { speaking, dominant } = this.#ranking;
    const ordered = dominant !== undefined && speaking.includes(dominant) ? [dominant, ...speaking] : speaking;
    const participantIds = new Set<string>();
    for (const trackId of ordered) {
      const track = this.#voices.get(trackId)?.track;
      if (track && track.source !== TrackSource.SCREEN_AUDIO) participantIds.add(track.participantId);
    }
    const speakers = [...participantIds].slice(0, this.#options.maxStreams);
    if (speakers.length === this.#told.length && speakers.every((id, i) => id === this.#told[i])) return;
    this.#told = speakers;
    this.#toldAtMs = nowMs;
    this.#options.onSpeakers(speakers);
  }
}
