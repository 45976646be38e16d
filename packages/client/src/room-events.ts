import type { CationError } from "./errors.ts";
import type { MediaReport } from "./media-report.ts";
import type { LocalParticipant, RemoteParticipant } from "./participants.ts";
import type { SessionState } from "./signal-session.ts";
import type { LocalTrack, RemoteTrack } from "./tracks.ts";

/** The peer connection that sends, and the one that receives. */
export type MediaConnection = "publisher" | "subscriber";

/** What a room tells, and with which arguments. */
export interface RoomEvents {
  /** `cause` says why, for `reconnecting` and `disconnected`. */
  stateChanged: [state: SessionState, cause: CationError | undefined];
  mediaStateChanged: [connection: MediaConnection, state: RTCPeerConnectionState];
  /** Joined, or joined anew: the participant has another id. */
  localParticipantChanged: [participant: LocalParticipant];
  participantJoined: [participant: RemoteParticipant];
  /** Name or metadata are known now, or others than before. */
  participantChanged: [participant: RemoteParticipant];
  participantLeft: [participant: RemoteParticipant];
  /** Everybody in the room, this participant and viewers included. */
  participantCountChanged: [count: number];
  trackPublished: [track: RemoteTrack, participant: RemoteParticipant];
  trackUnpublished: [track: RemoteTrack, participant: RemoteParticipant];
  trackMutedChanged: [track: RemoteTrack, participant: RemoteParticipant];
  /** `track.mediaTrack` is another one now, or undefined. */
  trackMediaChanged: [track: RemoteTrack, participant: RemoteParticipant];
  /** `track.share` is another one: this participant's connection lets more or less of it through. */
  trackShareChanged: [track: RemoteTrack, participant: RemoteParticipant];
  /** Who speaks, by participant id, the dominant one first; empty while nobody does. */
  speakersChanged: [participantIds: readonly string[]];
  /** How well somebody's connection works (this participant's own included): 1 (bad) … 5. */
  connectionQualityChanged: [participantId: string, score: number];
  /** Figures of everything that is sent and received, every few seconds. */
  mediaReported: [report: MediaReport];
  localTrackPublished: [track: LocalTrack];
  localTrackUnpublished: [track: LocalTrack];
  localTrackMutedChanged: [track: LocalTrack];
  /** The device was unplugged, or the browser's "stop sharing" was pressed. The track stays published. */
  localTrackEnded: [track: LocalTrack];
  /** Something failed and the room goes on. */
  error: [error: CationError];
  /** The room is over for this participant and will not come back by itself. */
  ended: [cause: CationError];
}
