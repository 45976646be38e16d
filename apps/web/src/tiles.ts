import type { LocalParticipant, RemoteParticipant } from "@cation/client/participants";
import { type LocalTrack, RemoteTrack } from "@cation/client/tracks";

/** One tile of the room: a person, or a screen that somebody shares. */
export interface Tile {
  /** Stays the same while the tile is on the page. */
  readonly key: string;
  readonly kind: "person" | "screen";
  readonly participantId: string;
  readonly name: string;
  readonly isSelf: boolean;
  /** The picture; undefined while there is none. */
  readonly video: MediaStreamTrack | undefined;
  /** A picture is announced but has not come yet. */
  readonly isVideoAwaited: boolean;
  readonly isMicrophoneOn: boolean;
  /** The track of somebody else's picture; undefined for one's own, and while there is none. */
  readonly trackId: string | undefined;
  /** The picture stands still because this page's own connection is too slow. */
  readonly isPaused: boolean;
  /** It is smaller than it could be, for the same reason. */
  readonly isHeldBack: boolean;
}

type AnyParticipant = LocalParticipant | RemoteParticipant;

/** The tiles of everybody: the others in the order in which they came, oneself last. */
export function buildTiles(local: LocalParticipant | undefined, others: readonly RemoteParticipant[]): Tile[] {
  const everybody: AnyParticipant[] = local === undefined ? [...others] : [...others, local];
  return everybody.flatMap((participant) => tilesOf(participant, participant === local));
}

function tilesOf(participant: AnyParticipant, isSelf: boolean): Tile[] {
  const person = tileOf(participant, isSelf, "person", participant.track("camera"));
  const screen = participant.track("screen");
  return screen === undefined ? [person] : [person, tileOf(participant, isSelf, "screen", screen)];
}

function tileOf(
  participant: AnyParticipant,
  isSelf: boolean,
  kind: Tile["kind"],
  track: LocalTrack | RemoteTrack | undefined,
): Tile {
  const isShown = track !== undefined && !track.muted;
  const video = isShown ? (track.mediaTrack ?? undefined) : undefined;
  const remote = isShown && track instanceof RemoteTrack ? track : undefined;
  return {
    key: `${isSelf ? "self" : participant.id}/${kind}`,
    kind,
    participantId: participant.id,
    name: participant.name,
    isSelf,
    video,
    isVideoAwaited: isShown && video === undefined,
    isMicrophoneOn: participant.track("microphone")?.muted === false,
    trackId: remote?.id,
    isPaused: remote?.share.isPaused === true && remote.share.isHeldBack,
    isHeldBack: remote?.share.isHeldBack === true,
  };
}
