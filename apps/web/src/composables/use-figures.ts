import type { RemoteParticipant } from "@cation/client/participants";
import type { MediaReport, TrackFigures } from "@cation/client/media-report";
import { type Ref, type ShallowRef, onScopeDispose, shallowRef, watch } from "vue";
import type { RoomView } from "./use-room.ts";

/** One row of the statistics: a track, by what the server and the browser say of it. */
export interface TrackRow {
  readonly trackId: string;
  readonly who: string;
  readonly what: string;
  readonly bitrateBps: number;
  /** "640 × 360, 30 fps"; empty for sound. */
  readonly picture: string;
  readonly loss: number;
  readonly jitterMs: number;
  readonly freezes: number | undefined;
  readonly score: number;
  readonly isPaused: boolean;
  readonly isHeldBack: boolean;
}

export interface Figures {
  readonly report: MediaReport | undefined;
  readonly received: readonly TrackRow[];
  readonly sent: readonly TrackRow[];
}

interface VideoStats {
  readonly type: string;
  readonly kind?: string;
  readonly trackIdentifier?: string;
  readonly frameWidth?: number;
  readonly frameHeight?: number;
  readonly framesPerSecond?: number;
  readonly freezeCount?: number;
}

const INTERVAL_MS = 1_000;
const SOURCE_WORDS = { camera: "Camera", microphone: "Microphone", screen: "Screen", "screen-audio": "Screen sound" };

/** Figures of everything that is sent and received, while somebody looks. */
export function useFigures(view: RoomView, isOpen: Readonly<Ref<boolean>>): Readonly<ShallowRef<Figures>> {
  const figures = shallowRef<Figures>({ report: undefined, received: [], sent: [] });
  let timer: ReturnType<typeof setInterval> | undefined;
  const read = async (): Promise<void> => {
    try {
      const { subscriber, publisher } = await view.room.getStats();
      figures.value = describe(view, inboundOf(subscriber), outboundOf(publisher));
    } catch {
      // Statistics of a connection that is being closed; the next reading works again.
    }
  };
  watch(
    isOpen,
    (open) => {
      clearInterval(timer);
      if (!open) return;
      void read();
      timer = setInterval(() => void read(), INTERVAL_MS);
    },
    { immediate: true },
  );
  onScopeDispose(() => clearInterval(timer));
  return figures;
}

function describe(view: RoomView, inbound: ReadonlyMap<string, VideoStats>, outbound: VideoStats | undefined): Figures {
  const report = view.room.mediaReport;
  const known = new Map((report?.received ?? []).map((one) => [one.trackId, one]));
  const received = view.others.value.flatMap((participant) => rowsOf(participant, known, inbound));
  const sent = [...(view.room.localParticipant?.tracks ?? [])].map((track) => {
    const figures = report?.sent.find((one) => one.trackId === track.id);
    const picture = track.kind === "video" ? outbound : undefined;
    return row(track.id, "You", SOURCE_WORDS[track.source], figures, picture);
  });
  return { report, received, sent };
}

function rowsOf(
  participant: RemoteParticipant,
  known: ReadonlyMap<string, TrackFigures>,
  inbound: ReadonlyMap<string, VideoStats>,
): TrackRow[] {
  return [...participant.tracks.values()]
    .filter((track) => !track.muted && track.mediaTrack !== undefined)
    .map((track) => {
      const stats = track.kind === "video" ? inbound.get(track.mediaTrack?.id ?? "") : undefined;
      return row(track.id, participant.name, SOURCE_WORDS[track.source], known.get(track.id), stats);
    });
}

function row(
  trackId: string,
  who: string,
  what: string,
  figures: TrackFigures | undefined,
  stats: VideoStats | undefined,
): TrackRow {
  const { frameWidth, frameHeight, framesPerSecond } = stats ?? {};
  const size = frameWidth === undefined || frameHeight === undefined ? "" : `${frameWidth} × ${frameHeight}`;
  const rate = framesPerSecond === undefined ? "" : `, ${Math.round(framesPerSecond)} fps`;
  return {
    trackId,
    who,
    what,
    bitrateBps: figures?.bitrateBps ?? 0,
    picture: size === "" ? "" : size + rate,
    loss: figures?.loss ?? 0,
    jitterMs: figures?.jitterMs ?? 0,
    freezes: stats?.freezeCount,
    score: figures?.score ?? 0,
    isPaused: figures?.share.isPaused === true && figures.share.isHeldBack,
    isHeldBack: figures?.share.isHeldBack ?? false,
  };
}

/** What is received, by the id of its MediaStreamTrack. */
function inboundOf(report: RTCStatsReport | undefined): Map<string, VideoStats> {
  const byTrack = new Map<string, VideoStats>();
  report?.forEach((stats: VideoStats) => {
    if (stats.type === "inbound-rtp" && stats.kind === "video" && stats.trackIdentifier !== undefined) {
      byTrack.set(stats.trackIdentifier, stats);
    }
  });
  return byTrack;
}

/** The largest picture that is sent. */
function outboundOf(report: RTCStatsReport | undefined): VideoStats | undefined {
  let largest: VideoStats | undefined;
  report?.forEach((stats: VideoStats) => {
    if (stats.type !== "outbound-rtp" || stats.kind !== "video") return;
    if ((stats.frameHeight ?? 0) > (largest?.frameHeight ?? 0)) largest = stats;
  });
  return largest;
}
