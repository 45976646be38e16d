import type { CationError } from "@cation/client/errors";
import type { LocalParticipant, RemoteParticipant } from "@cation/client/participants";
import { type ConnectOptions, Room } from "@cation/client/room";
import type { RoomEvents } from "@cation/client/room-events";
import type { SessionState } from "@cation/client/signal-session";
import { type Ref, type ShallowRef, computed, onScopeDispose, ref, shallowRef, triggerRef } from "vue";

/** A room as the page shows it. */
export interface RoomView {
  readonly room: Room;
  readonly state: Readonly<Ref<SessionState>>;
  /** Why the connection is lost or the room is over. */
  readonly cause: Readonly<ShallowRef<CationError | undefined>>;
  /** The newest error that the room survived. */
  readonly lastError: Readonly<ShallowRef<CationError | undefined>>;
  readonly local: Readonly<Ref<LocalParticipant | undefined>>;
  /** The others, those included who send nothing, as long as the room is small. */
  readonly others: Readonly<Ref<readonly RemoteParticipant[]>>;
  readonly participantCount: Readonly<Ref<number>>;
  /** How loud each participant is, 0 … 1, by id. */
  readonly levels: Readonly<ShallowRef<ReadonlyMap<string, number>>>;
  /** Who speaks, by participant id, the dominant one first. */
  readonly speakers: Readonly<ShallowRef<readonly string[]>>;
  /** How well connections work, 1 (bad) … 5, by participant id. */
  readonly qualities: Readonly<ShallowRef<ReadonlyMap<string, number>>>;
  /** Raised with every change of a participant or track: what reads their plain fields depends on it. */
  readonly version: Readonly<Ref<number>>;
  /** The newest thing that happened, in words. */
  readonly news: Readonly<Ref<string>>;
  connect(options: ConnectOptions): Promise<void>;
  leave(): Promise<void>;
}

const LEVEL_INTERVAL_MS = 200;
/** Rooms with more are shown by those who publish and a count. */
const SMALL_ROOM = 24;
/** Several who come together are asked for once. */
const ROSTER_DELAY_MS = 400;
/** Events after which participants or tracks look different. */
const CHANGES = [
  "localParticipantChanged",
  "participantJoined",
  "participantChanged",
  "participantLeft",
  "participantCountChanged",
  "trackPublished",
  "trackUnpublished",
  "trackMutedChanged",
  "trackMediaChanged",
  "trackShareChanged",
  "localTrackPublished",
  "localTrackUnpublished",
  "localTrackMutedChanged",
] as const satisfies readonly (keyof RoomEvents)[];

export function useRoom(): RoomView {
  const room = new Room();
  const version = ref(0);
  const state = ref<SessionState>("disconnected");
  const cause = shallowRef<CationError>();
  const lastError = shallowRef<CationError>();
  const levels = shallowRef<ReadonlyMap<string, number>>(new Map());
  const speakers = shallowRef<readonly string[]>([]);
  const qualities = shallowRef<ReadonlyMap<string, number>>(new Map());
  const news = ref("");
  /** Everybody in a small room, as of the last change of the count: the server announces only those who publish. */
  const roster = shallowRef<readonly RemoteParticipant[]>([]);

  for (const name of CHANGES) room.on(name, () => (version.value += 1));
  room.on("speakersChanged", (ids) => (speakers.value = ids));
  room.on("connectionQualityChanged", () => (qualities.value = new Map(room.connectionQualities)));
  room.on("stateChanged", (next, why) => {
    state.value = next;
    cause.value = why;
    version.value += 1;
  });
  room.on("error", (error) => {
    lastError.value = error;
    triggerRef(lastError);
  });
  room.on("participantJoined", (participant) => (news.value = `${participant.name || "Somebody"} joined.`));
  room.on("participantLeft", (participant) => {
    news.value = `${participant.name || "Somebody"} left.`;
    roster.value = roster.value.filter(({ id }) => id !== participant.id);
  });

  let rosterTimer: ReturnType<typeof setTimeout> | undefined;
  room.on("participantCountChanged", (count) => {
    clearTimeout(rosterTimer);
    rosterTimer = setTimeout(() => void readRoster(count), ROSTER_DELAY_MS);
  });
  async function readRoster(count: number): Promise<void> {
    try {
      const isSmall = state.value === "connected" && count <= SMALL_ROOM;
      roster.value = isSmall ? (await room.listParticipants()).participants : [];
    } catch {
      // Who publishes is known nevertheless; the next change of the count asks again.
    }
  }
  function everybodyElse(): RemoteParticipant[] {
    const known = room.participants;
    const quiet = roster.value.filter(({ id }) => !known.has(id) && id !== room.localParticipant?.id);
    return state.value === "disconnected" ? [] : [...known.values(), ...quiet];
  }

  const timer = setInterval(() => void readLevels(), LEVEL_INTERVAL_MS);
  async function readLevels(): Promise<void> {
    if (state.value === "disconnected" || document.hidden) return;
    try {
      levels.value = await room.audioLevels();
    } catch {
      // Statistics of a connection that is being closed; the next reading works again.
    }
  }

  const leave = (): Promise<void> => room.leave();
  // The last thing that a page can do is to say goodbye, so that its tile does not stay for the grace time.
  const onPageHide = (event: PageTransitionEvent): void => {
    if (!event.persisted) void leave();
  };
  addEventListener("pagehide", onPageHide);
  onScopeDispose(() => {
    removeEventListener("pagehide", onPageHide);
    clearInterval(timer);
    clearTimeout(rosterTimer);
    void leave();
  });

  // The room's own fields are plain: reading the version makes what is computed from them follow its events.
  const read = <T>(value: () => T): Readonly<Ref<T>> => computed(() => (version.value, value()));
  return {
    room,
    state,
    cause,
    lastError,
    levels,
    speakers,
    qualities,
    version,
    news,
    local: read(() => room.localParticipant),
    others: read(everybodyElse),
    participantCount: read(() => room.participantCount),
    connect: (options) => room.connect(options),
    leave,
  };
}
