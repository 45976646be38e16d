import type { Participant, ParticipantLeft, Track, TrackMuted, TrackUnpublished } from "@cation/proto/state/v1/state";
import type { TrackShare } from "./media-report.ts";
import { RemoteParticipant } from "./participants.ts";
import { RemoteTrack } from "./tracks.ts";

/** What changed about the others in the room. */
export interface RosterObserver {
  onParticipantJoined(participant: RemoteParticipant): void;
  /** Name or metadata are known now, or others than before. */
  onParticipantChanged(participant: RemoteParticipant): void;
  onParticipantLeft(participant: RemoteParticipant): void;
  onTrackPublished(track: RemoteTrack, participant: RemoteParticipant): void;
  onTrackUnpublished(track: RemoteTrack, participant: RemoteParticipant): void;
  onTrackMuted(track: RemoteTrack, participant: RemoteParticipant): void;
  /** Media of a track began (`mediaTrack` is set), changed, or ended (it is undefined). */
  onTrackMedia(track: RemoteTrack, participant: RemoteParticipant): void;
  /** More or less of it gets through to this participant than before. */
  onTrackShare(track: RemoteTrack, participant: RemoteParticipant): void;
}

/**
 * The others in the room and what they publish. Fed with events and snapshots alike, in any order that the server may
 * send them; says each change once. Media and tracks come by different ways and are matched here.
 */
export class Roster {
  readonly participants: ReadonlyMap<string, RemoteParticipant>;
  readonly #participants = new Map<string, RemoteParticipant>();
  readonly #tracks = new Map<string, RemoteTrack>();
  readonly #observer: RosterObserver;
  #media: ReadonlyMap<string, MediaStreamTrack> = new Map();

  constructor(observer: RosterObserver) {
    this.#observer = observer;
    this.participants = this.#participants;
  }

  /** The track of that id, whoever publishes it. */
  track(trackId: string): RemoteTrack | undefined {
    return this.#tracks.get(trackId);
  }

  /** Replaces what was known. `participants` lists those who publish; viewers that are not in it are forgotten. */
  reset(participants: readonly Participant[], tracks: readonly Track[]): void {
    const trackIds = new Set(tracks.map((track) => track.trackId));
    for (const track of [...this.#tracks.values()]) if (!trackIds.has(track.id)) this.#removeTrack(track);
    const participantIds = new Set(participants.map((participant) => participant.participantId));
    for (const track of tracks) participantIds.add(track.participantId);
    for (const id of [...this.#participants.keys()]) if (!participantIds.has(id)) this.#removeParticipant(id);
    for (const participant of participants) this.join(participant);
    for (const track of tracks) this.publish(track);
  }

  join(info: Participant): void {
    const known = this.#participants.get(info.participantId);
    if (known !== undefined) {
      // A first track introduces its owner again; only what is new is worth telling.
      if (known.update(info)) this.#observer.onParticipantChanged(known);
      return;
    }
    const participant = new RemoteParticipant(info);
    this.#participants.set(participant.id, participant);
    this.#observer.onParticipantJoined(participant);
  }

  leave(left: ParticipantLeft): void {
    this.#removeParticipant(left.participantId);
  }

  publish(info: Track): void {
    const known = this.#tracks.get(info.trackId);
    if (known !== undefined) {
      this.setMuted({ trackId: info.trackId, participantId: info.participantId, muted: info.muted });
      return;
    }
    const participant = this.#owner(info);
    const track = new RemoteTrack(info);
    this.#tracks.set(track.id, track);
    participant.addTrack(track);
    this.#observer.onTrackPublished(track, participant);
    this.#matchMedia(track);
  }

  unpublish(unpublished: TrackUnpublished): void {
    const track = this.#tracks.get(unpublished.trackId);
    if (track !== undefined) this.#removeTrack(track);
  }

  setMuted(change: TrackMuted): void {
    const track = this.#tracks.get(change.trackId);
    const participant = track && this.#participants.get(track.participantId);
    if (track === undefined || participant === undefined || track.muted === change.muted) return;
    track.setMutedState(change.muted);
    this.#observer.onTrackMuted(track, participant);
  }

  /** What is received now, by track id. May name tracks that are announced only later. */
  setMedia(media: ReadonlyMap<string, MediaStreamTrack>): void {
    this.#media = media;
    for (const track of this.#tracks.values()) this.#matchMedia(track);
  }

  /** What the connection lets through of a track changed. */
  setShare(trackId: string, share: TrackShare): void {
    const track = this.#tracks.get(trackId);
    const participant = track && this.#participants.get(track.participantId);
    if (track === undefined || participant === undefined) return;
    track.setShare(share);
    this.#observer.onTrackShare(track, participant);
  }

  /** Forgets everybody, without saying so one by one. */
  clear(): void {
    this.#participants.clear();
    this.#tracks.clear();
    this.#media = new Map();
  }

  /** A track of somebody not announced yet makes them known by id; the name follows with the announcement. */
  #owner(track: Track): RemoteParticipant {
    const known = this.#participants.get(track.participantId);
    if (known !== undefined) return known;
    this.join({
      participantId: track.participantId,
      identity: "",
      name: "",
      grants: undefined,
      nodeId: track.nodeId,
      joinedAtMs: 0,
      metadata: "",
    });
    return this.#participants.get(track.participantId)!;
  }

  #matchMedia(track: RemoteTrack): void {
    const mediaTrack = this.#media.get(track.id);
    if (track.mediaTrack === mediaTrack) return;
    track.setMediaTrack(mediaTrack);
    const participant = this.#participants.get(track.participantId);
    if (participant !== undefined) this.#observer.onTrackMedia(track, participant);
  }

  #removeTrack(track: RemoteTrack): void {
    this.#tracks.delete(track.id);
    const participant = this.#participants.get(track.participantId);
    if (participant === undefined) return;
    participant.removeTrack(track.id);
    if (track.mediaTrack !== undefined) {
      track.setMediaTrack(undefined);
      this.#observer.onTrackMedia(track, participant);
    }
    this.#observer.onTrackUnpublished(track, participant);
  }

  #removeParticipant(id: string): void {
    const participant = this.#participants.get(id);
    if (participant === undefined) return;
    for (const track of [...participant.tracks.values()]) this.#removeTrack(track);
    this.#participants.delete(id);
    this.#observer.onParticipantLeft(participant);
  }
}
