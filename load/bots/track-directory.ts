import type { Event, Joined } from "@cation/proto/client/v1/client";
import { MediaKind } from "@cation/proto/common/v1/common";
import type { TrackSource } from "@cation/proto/common/v1/common";
import type { Participant, Track } from "@cation/proto/state/v1/state";

/** A track that somebody in the room publishes. */
export interface KnownTrack {
  readonly trackId: string;
  readonly participantId: string;
  /** Of the publisher; its participant id where nobody has said the identity. */
  readonly identity: string;
  readonly source: TrackSource;
  readonly kind: "audio" | "video";
}

/** What a bot knows of the room: who publishes what. */
export class TrackDirectory {
  readonly #identities = new Map<string, string>();
  readonly #tracks = new Map<string, Track>();

  get tracks(): readonly KnownTrack[] {
    return [...this.#tracks.values()].map((track) => this.#describe(track));
  }

  find(trackId: string): KnownTrack | undefined {
    const track = this.#tracks.get(trackId);
    return track && this.#describe(track);
  }

  /** Starts from what the answer to a join says. */
  reset({ participants, tracks }: Pick<Joined, "participants" | "tracks">): void {
    this.#tracks.clear();
    for (const participant of participants) this.#meet(participant);
    for (const track of tracks) this.#tracks.set(track.trackId, track);
  }

  /** True where tracks came or went. */
  receive({ event }: Event): boolean {
    switch (event?.$case) {
      case "participantJoined":
        this.#meet(event.value);
        return false;
      case "trackPublished":
        this.#tracks.set(event.value.trackId, event.value);
        return true;
      case "trackUnpublished":
        return this.#tracks.delete(event.value.trackId);
      case "participantLeft":
        return this.#forget(event.value.participantId);
      case "roomReset":
        this.reset(event.value);
        return true;
      default:
        return false;
    }
  }

  #meet({ participantId, identity }: Participant): void {
    this.#identities.set(participantId, identity);
  }

  #forget(participantId: string): boolean {
    const gone = [...this.#tracks.values()].filter((track) => track.participantId === participantId);
    for (const { trackId } of gone) this.#tracks.delete(trackId);
    return gone.length > 0;
  }

  #describe({ trackId, participantId, source, kind }: Track): KnownTrack {
    const identity = this.#identities.get(participantId) ?? participantId;
    return { trackId, participantId, identity, source, kind: kind === MediaKind.AUDIO ? "audio" : "video" };
  }
}
