import { AllocationReason } from "@cation/engine/allocation/allocation-reason";
import type { Consumer } from "@cation/engine/consumer";
import type { Producer } from "@cation/engine/producer";
import { consumerQuality } from "@cation/engine/quality/consumer-quality";
import { producerQuality } from "@cation/engine/quality/producer-quality";
import type {
  ConsumerInfo,
  InspectResponse,
  ListRoomsResponse,
  ProducerInfo,
  RelayInfo,
} from "@cation/proto/sfu/v1/sfu";
import type { MonoUs } from "@cation/rtp/units";
import type { LocalTracks } from "./local-tracks.ts";
import type { MediaWorker } from "./media-worker.ts";
import type { RelayHubs } from "./relay/relay-hubs.ts";
import type { RelayPaths } from "./relay/relay-paths.ts";
import type { RelayLinkServer } from "./relay/relay-link-server.ts";
import type { RoomRegistry } from "./room-registry.ts";

/** What a worker holds, for those who look. */
export interface InspectedWorker {
  readonly nodeId: string;
  readonly worker: MediaWorker;
  readonly registry: RoomRegistry;
  readonly tracks: LocalTracks;
  readonly links: RelayLinkServer;
  readonly hubs: RelayHubs;
  readonly paths: RelayPaths;
}

/** Counts what a node holds, all of it or of one room (`roomId` not empty). */
export function inspect(inspected: InspectedWorker, roomId: string): InspectResponse {
  const { nodeId, worker, registry } = inspected;
  const matches = (id: string): boolean => roomId === "" || id === roomId;
  const rooms = [...registry.rooms.values()].filter((room) => matches(room.roomId));
  const nowUs = worker.nowUs();
  return {
    nodeId,
    mediaBackend: worker.io.backend,
    sessions: rooms.reduce((sum, room) => sum + room.sessions.size, 0),
    transports: roomId === "" ? worker.webrtc.transportCount : countTransports(inspected, roomId),
    producers: [...listLocal(inspected, matches, nowUs), ...listRelayed(inspected, matches, nowUs)],
    consumers: [...listConsumers(inspected, matches, nowUs), ...listRelayConsumers(inspected, matches, nowUs)],
    relays: [...listIncoming(inspected, matches, nowUs), ...listOutgoing(inspected, matches)],
  };
}

/** The rooms with sessions here, counted only. */
export function listRooms({ registry, tracks }: InspectedWorker): ListRoomsResponse {
  const published = new Map<string, number>();
  for (const { roomId } of tracks.values()) published.set(roomId, (published.get(roomId) ?? 0) + 1);
  return {
    rooms: Array.from(registry.rooms.values(), ({ roomId, sessions }) => ({
      roomId,
      sessions: sessions.size,
      tracks: published.get(roomId) ?? 0,
    })),
  };
}

type Matches = (roomId: string) => boolean;

function countTransports({ registry }: InspectedWorker, roomId: string): number {
  let count = 0;
  for (const { session } of registry.get(roomId)?.sessions.values() ?? []) {
    count += Number(session.publisher.hasTransport) + Number(session.subscriber.hasTransport);
  }
  return count;
}

function* listLocal({ tracks }: InspectedWorker, matches: Matches, nowUs: MonoUs): Iterable<ProducerInfo> {
  for (const { roomId, producer } of tracks.values())
    if (matches(roomId)) yield describeProducer(producer, roomId, nowUs);
}

function* listRelayed({ hubs }: InspectedWorker, matches: Matches, nowUs: MonoUs): Iterable<ProducerInfo> {
  for (const { roomId, links } of hubs.values()) {
    if (!matches(roomId)) continue;
    for (const link of links.values())
      for (const [, feed] of link.feeds()) if (feed) yield describeProducer(feed.producer, roomId, nowUs);
  }
}

function* listConsumers({ registry }: InspectedWorker, matches: Matches, nowUs: MonoUs): Iterable<ConsumerInfo> {
  for (const room of registry.rooms.values()) {
    if (!matches(room.roomId)) continue;
    for (const { session } of room.sessions.values()) {
      for (const { track, consumer } of session.subscriber.subscribed.values())
        if (consumer) yield describeConsumer(consumer, track.trackId, room.roomId, session.participantId, nowUs);
    }
  }
}

function* listRelayConsumers({ links }: InspectedWorker, matches: Matches, nowUs: MonoUs): Iterable<ConsumerInfo> {
  for (const link of links.links) {
    if (!matches(link.roomId)) continue;
    for (const { trackId, consumer } of link.outgoing)
      if (consumer) yield describeConsumer(consumer, trackId, link.roomId, "", nowUs);
  }
}

function* listIncoming({ hubs }: InspectedWorker, matches: Matches, nowUs: MonoUs): Iterable<RelayInfo> {
  for (const { roomId, links } of hubs.values()) {
    if (!matches(roomId)) continue;
    for (const link of links.values()) {
      for (const [trackId, feed] of link.feeds()) {
        const packets = feed ? countProduced(feed.producer, nowUs).packets : 0;
        yield { trackId, roomId, peerNodeId: link.peerNodeId, direction: "in", packets };
      }
    }
  }
}

function* listOutgoing({ links }: InspectedWorker, matches: Matches): Iterable<RelayInfo> {
  for (const { roomId, peerNodeId, outgoing } of links.links) {
    if (!matches(roomId)) continue;
    for (const { trackId, consumer } of outgoing) {
      const packets = consumer ? countConsumed(consumer).packets : 0;
      yield { trackId, roomId, peerNodeId, direction: "out", packets };
    }
  }
}

function describeProducer(producer: Producer, roomId: string, nowUs: MonoUs): ProducerInfo {
  const { trackId, origin } = producer.params;
  const { layerBitratesBps, loss, jitterMs, score } = producerQuality(producer, nowUs);
  const { maxSpatialId, maxTemporalId } = producer.demand;
  return {
    trackId,
    roomId,
    origin,
    ...countProduced(producer, nowUs),
    layerBitratesBps,
    loss,
    jitterMs,
    score,
    demandedSpatialId: maxSpatialId,
    demandedTemporalId: maxTemporalId,
  };
}

const REASON_NAMES: Readonly<Record<AllocationReason, string>> = {
  [AllocationReason.AS_WISHED]: "as-wished",
  [AllocationReason.BANDWIDTH]: "bandwidth",
  [AllocationReason.NO_SOURCE]: "no-source",
  [AllocationReason.PAUSED]: "paused",
};

function describeConsumer(
  consumer: Consumer,
  trackId: string,
  roomId: string,
  participantId: string,
  nowUs: MonoUs,
): ConsumerInfo {
  const { loss, jitterMs, roundTripMs, score, spatialId, temporalId } = consumerQuality(consumer);
  const { targetBps, allocatedBps, demandBps } = consumer.transport.allocator;
  return {
    trackId,
    roomId,
    participantId,
    ...countConsumed(consumer),
    bitrateBps: Math.round(consumer.streams.reduce((sum, { source }) => sum + (source?.rate.bps(nowUs) ?? 0), 0)),
    loss,
    jitterMs,
    roundTripMs: Math.max(0, roundTripMs),
    score,
    spatialId,
    temporalId,
    allocationReason: consumer.allocation === undefined ? "" : REASON_NAMES[consumer.allocation.reason],
    targetBps: Number.isFinite(targetBps) ? Math.round(targetBps) : 0,
    allocatedBps: Math.round(allocatedBps),
    demandBps: Math.round(demandBps),
  };
}

function countProduced(producer: Producer, nowUs: MonoUs) {
  const sums = { packets: 0, bytes: 0, keyframeRequestsSent: 0 };
  for (const stream of producer.stats(nowUs)) {
    sums.packets += stream.packets;
    sums.bytes += stream.bytes;
    sums.keyframeRequestsSent += stream.keyframeRequestsSent;
  }
  return sums;
}

function countConsumed(consumer: Consumer) {
  const sums = { packets: 0, bytes: 0 };
  for (const stream of consumer.stats()) {
    sums.packets += stream.packets;
    sums.bytes += stream.bytes;
  }
  return sums;
}
