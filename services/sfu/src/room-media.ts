import type { EventBus } from "@cation/cluster/events/event-bus";
import type { MediaReport } from "@cation/proto/client/v1/client";
import { TrackSource } from "@cation/proto/common/v1/common";
import type { Track } from "@cation/proto/state/v1/state";
import type { MonoUs } from "@cation/rtp/units";
import type { Clock } from "@cation/service-kit/clock";
import type { PacedWork } from "./paced-work.ts";
import type { ParticipantSession } from "./participant-session.ts";
import { RoomQuality } from "./quality/room-quality.ts";
import { RoomAudio } from "./speakers/room-audio.ts";
import type { ProducerListener, TrackLease } from "./track-sources.ts";

export interface RoomMediaOptions {
  readonly roomId: string;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly nowUs: () => MonoUs;
  readonly work: PacedWork;
  readonly events: EventBus;
  /** Voices that a listener hears at once, and that go over a link. */
  readonly maxAudioStreams: number;
  readonly acquire: (track: Track, listener: ProducerListener) => TrackLease;
  readonly sessions: () => Iterable<ParticipantSession>;
  readonly tracks: () => ReadonlyMap<string, Track>;
  readonly isPublisher: (participantId: string) => boolean;
  /** Several times a second: which of this node's voices may go to other nodes. */
  readonly onVoices: (roomId: string, loudest: ReadonlySet<string>) => void;
  /** A participant was told how its media flows. */
  readonly onReport: (report: MediaReport) => void;
}

/** What is watched of a room's media on one node, and told to its sessions: who speaks, and how well it flows. */
export class RoomMedia {
  readonly audio: RoomAudio;
  readonly quality: RoomQuality;
  readonly #options: RoomMediaOptions;

  constructor(options: RoomMediaOptions) {
    this.#options = options;
    const { roomId, nodeId, clock, nowUs, work, events, maxAudioStreams, acquire, sessions } = options;
    this.audio = new RoomAudio({
      nodeId,
      clock,
      nowUs,
      maxStreams: maxAudioStreams,
      acquire,
      onRanking: () => this.#followSpeakers(),
      onLook: () => options.onVoices(roomId, this.audio.loudestHere()),
      onSpeakers: (participantIds) => {
        for (const session of sessions()) session.tellSpeakers(participantIds);
      },
      onDominant: (participantId) => this.#markSpoke(participantId),
    });
    const { isPublisher, onReport } = options;
    this.quality = new RoomQuality({ roomId, clock, nowUs, events, work, sessions, isPublisher, onReport });
  }

  /** Idempotent. */
  close(): void {
    this.audio.close();
    this.quality.close();
  }

  #followSpeakers(): void {
    for (const { subscriber } of this.#options.sessions()) {
      // In turns: a thousand listeners may change at once.
      if (subscriber.isShortOfLines) this.#options.work.add(() => subscriber.followSpeakers());
    }
  }

  /** Its picture comes before others', wherever one of them must go without. */
  #markSpoke(participantId: string): void {
    for (const { trackId, participantId: owner, source } of this.#options.tracks().values()) {
      if (owner !== participantId || source !== TrackSource.CAMERA) continue;
      for (const { subscriber } of this.#options.sessions()) {
        const producer = subscriber.subscribed.get(trackId)?.consumer?.wantedProducer;
        // One is enough: whoever watches it here takes it from the same producer.
        if (!producer) continue;
        producer.markSpoke(this.#options.nowUs());
        break;
      }
    }
  }
}
