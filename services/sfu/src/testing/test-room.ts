import { InProcessEventBus } from "@cation/cluster/events/in-process-event-bus";
import type { ClientMessage, Event, Response, SubscriberOffer } from "@cation/proto/client/v1/client";
import { Grants, MediaKind, TrackSource } from "@cation/proto/common/v1/common";
import type { SessionDown } from "@cation/proto/sfu/v1/sfu";
import { Track } from "@cation/proto/state/v1/state";
import type { Participant } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { LocalTracks } from "../local-tracks.ts";
import { PacedWork } from "../paced-work.ts";
import type { SessionStream } from "../participant-session.ts";
import type { OpenedSession } from "../room.ts";
import { RelayHubs } from "../relay/relay-hubs.ts";
import { RoomRegistry } from "../room-registry.ts";
import { SessionService } from "../session-service.ts";
import { FakeMedia } from "./fake-media.ts";
import { MemoryIslb } from "./memory-islb.ts";

export const ROOM_ID = "room";
export const ALL_GRANTS = Grants.fromPartial({
  publish: [TrackSource.CAMERA, TrackSource.MICROPHONE, TrackSource.SCREEN, TrackSource.SCREEN_AUDIO],
  subscribe: true,
  administer: true,
});

/** A client's end of a session stream. */
export class TestStream implements SessionStream {
  readonly received: SessionDown[] = [];
  ended = false;

  send(message: SessionDown): void {
    this.received.push(message);
  }

  end(): void {
    this.ended = true;
  }

  get events(): Event[] {
    return this.received.flatMap(({ down }) =>
      down?.$case === "message" && down.value.message?.$case === "event" ? [down.value.message.value] : [],
    );
  }

  /** Bodies of the events of one kind, the newest last. */
  find<K extends NonNullable<Event["event"]>["$case"]>(kind: K) {
    type Body = Extract<NonNullable<Event["event"]>, { $case: K }>["value"];
    return this.events.flatMap(({ event }) => (event?.$case === kind ? [event.value as Body] : []));
  }

  get opened() {
    const [first] = this.received;
    if (first?.down?.$case !== "opened") throw new Error("not opened");
    return first.down.value;
  }

  get newestOffer(): SubscriberOffer {
    const offer = this.find("subscriberOffer").at(-1);
    if (!offer) throw new Error("no offer");
    return offer;
  }
}

/** A participant of a test, and its stream. */
export interface TestClient extends OpenedSession {
  readonly participant: Participant;
  readonly stream: TestStream;
  ask(request: ClientMessage["request"]): Promise<NonNullable<Response["result"]>>;
}

/** The rooms of one node without sockets, on a clock that stands still, beside an islb in memory. */
export class TestRooms {
  readonly clock = new VirtualClock();
  readonly events = new InProcessEventBus();
  readonly islb = new MemoryIslb(this.events);
  readonly media = new FakeMedia();
  readonly tracks = new LocalTracks();
  readonly registry: RoomRegistry;
  readonly service: SessionService;
  #lastRandom = 0;
  #lastRequest = 0;

  constructor(nodeId = "here") {
    this.media.clock = this.clock;
    const logger = createLogger({ service: "sfu", level: "silent" });
    const shared = {
      nodeId,
      clock: this.clock,
      random: { nextUint32: () => (this.#lastRandom += 0x1234_5) >>> 0 },
      logger,
      media: this.media,
    };
    this.registry = new RoomRegistry({
      ...shared,
      work: new PacedWork(this.clock),
      islb: this.islb,
      events: this.events,
      tracks: this.tracks,
      maxAudioStreams: 3,
      onVoices: () => undefined,
      onReport: () => undefined,
      hubs: new RelayHubs({ ...shared, connect: () => Promise.reject(new CodedError("SFU_UNAVAILABLE")) }),
    });
    this.service = new SessionService({ registry: this.registry, logger, checkTakesWork: () => undefined });
  }

  /** Enters somebody into the islb's record. */
  async enter(nodeId: string, grants = ALL_GRANTS) {
    const request = { roomId: ROOM_ID, name: "", metadata: "", region: "", maxParticipants: 0, nodeId, grants };
    return this.islb.join({ ...request, identity: `person-${this.islb.rooms.size}` });
  }

  /** A participant on this node, with an open stream. */
  async join(options: { grants?: Grants; autoSubscribe?: boolean } = {}): Promise<TestClient> {
    const { grants = ALL_GRANTS, autoSubscribe = true } = options;
    const { participant, room } = await this.enter("here", grants);
    if (!participant) throw new Error("islb placed nobody");
    const opened = this.registry.open({ participant, room, autoSubscribe, moved: false });
    const stream = new TestStream();
    opened.session.open(stream);
    await this.settle();
    const ask = async (request: ClientMessage["request"]) => {
      const { result } = await opened.requests.answer({ requestId: ++this.#lastRequest, request });
      await this.settle();
      if (!result) throw new Error("no answer");
      return result;
    };
    return { ...opened, participant, stream, ask };
  }

  /** Somebody on another node publishes a track. */
  async publishElsewhere(participantId: string, kind: "audio" | "video" = "video"): Promise<Track> {
    const track = Track.fromPartial({
      trackId: `T${(this.#lastRandom += 1)}`,
      participantId,
      nodeId: "there",
      kind: kind === "audio" ? MediaKind.AUDIO : MediaKind.VIDEO,
      codecs: [
        kind === "audio"
          ? { mimeType: "audio/opus", clockRateHz: 48_000, channels: 2 }
          : { mimeType: "video/VP8", clockRateHz: 90_000 },
      ],
      encodings: [{}],
    });
    await this.islb.publishTrack({ roomId: ROOM_ID, epoch: this.epoch, track });
    await this.settle();
    return track;
  }

  get epoch(): number {
    return this.islb.rooms.get(ROOM_ID)?.epoch ?? 1;
  }

  /** Lets events and short timers happen. */
  async settle(): Promise<void> {
    await this.clock.advanceAsync(20);
  }
}
