import type { Grants } from "@cation/proto/common/v1/common";
import type { Participant } from "@cation/proto/state/v1/state";
import { type TrackSource, sourceFromWire } from "./track-source.ts";
import type { LocalTrack, RemoteTrack } from "./tracks.ts";

/** What a participant may do, as its token says. */
export interface Permissions {
  readonly publish: readonly TrackSource[];
  readonly subscribe: boolean;
  readonly administer: boolean;
}

/** Who somebody in the room is. */
abstract class ParticipantInfo {
  #info: Participant;

  constructor(info: Participant) {
    this.#info = info;
  }

  /** Unique in the cluster; another one after a new join. */
  get id(): string {
    return this.#info.participantId;
  }

  /** Who the token says it is; unique in the room. */
  get identity(): string {
    return this.#info.identity;
  }

  /** For people. */
  get name(): string {
    return this.#info.name === "" ? this.#info.identity : this.#info.name;
  }

  /** Text of the application. */
  get metadata(): string {
    return this.#info.metadata;
  }

  /** Name of the node that serves its media. */
  get nodeId(): string {
    return this.#info.nodeId;
  }

  get permissions(): Permissions {
    return permissionsOf(this.#info.grants);
  }

  get joinedAtMs(): number {
    return this.#info.joinedAtMs;
  }

  /** @internal Whether that changed what a person sees. */
  update(info: Participant): boolean {
    const before = this.#info;
    this.#info = info;
    return before.identity !== info.identity || before.name !== info.name || before.metadata !== info.metadata;
  }
}

/** Somebody else in the room. */
export class RemoteParticipant extends ParticipantInfo {
  /** By track id. */
  readonly tracks: ReadonlyMap<string, RemoteTrack> = new Map<string, RemoteTrack>();

  /** The track of that source, where it publishes one. */
  track(source: TrackSource): RemoteTrack | undefined {
    for (const track of this.tracks.values()) if (track.source === source) return track;
    return undefined;
  }

  /** @internal */
  addTrack(track: RemoteTrack): void {
    (this.tracks as Map<string, RemoteTrack>).set(track.id, track);
  }

  /** @internal */
  removeTrack(trackId: string): void {
    (this.tracks as Map<string, RemoteTrack>).delete(trackId);
  }
}

/** This participant. */
export class LocalParticipant extends ParticipantInfo {
  readonly tracks: ReadonlySet<LocalTrack>;

  constructor(info: Participant, tracks: ReadonlySet<LocalTrack>) {
    super(info);
    this.tracks = tracks;
  }

  /** The track of that source, where one is published. */
  track(source: TrackSource): LocalTrack | undefined {
    for (const track of this.tracks) if (track.source === source) return track;
    return undefined;
  }
}

function permissionsOf(grants: Grants | undefined): Permissions {
  return {
    publish: (grants?.publish ?? []).map((source) => sourceFromWire(source, "video")),
    subscribe: grants?.subscribe ?? false,
    administer: grants?.administer ?? false,
  };
}
