import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import type { EventBus, Subscription } from "@cation/cluster/events/event-bus";
import type { Duplex, ServeDuplex } from "@cation/cluster/rpc/duplex";
import type { Random } from "@cation/engine/random";
import { openMediaIo } from "@cation/media-io/open-media-io";
import type { OpenedMediaIo } from "@cation/media-io/open-media-io";
import type { IslbService, ReportNodeResponse, RoomPosition } from "@cation/proto/islb/v1/islb";
import type { MediaReport } from "@cation/proto/client/v1/client";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import type { DtlsProvider } from "@cation/webrtc/dtls";
import { openDtlsProvider } from "@cation/webrtc/open-dtls";
import { findAnnouncedAddresses } from "./announced-addresses.ts";
import { inspect, listRooms } from "./inspect.ts";
import type { InspectedWorker } from "./inspect.ts";
import { LocalTracks } from "./local-tracks.ts";
import { MediaWorker } from "./media-worker.ts";
import { PacedWork } from "./paced-work.ts";
import type { ConnectRelay } from "./relay/relay-link-client.ts";
import { NatsMediaBroker } from "./relay/nats-media-broker.ts";
import { NatsPublications } from "./relay/nats-publications.ts";
import { RelayHubs } from "./relay/relay-hubs.ts";
import { RelayLinkServer } from "./relay/relay-link-server.ts";
import { RelayPaths } from "./relay/relay-paths.ts";
import { UdpPeers } from "./relay/udp-peers.ts";
import { RoomRegistry } from "./room-registry.ts";
import { SessionDrain } from "./session-drain.ts";
import { SessionService } from "./session-service.ts";
import type { SfuConfig } from "./sfu-config.ts";
import { forwardLoudest } from "./speakers/link-audio.ts";
import { SystemRandom } from "./system-random.ts";
import { readRoomFigures } from "./room-figures.ts";
import type { RoomFigures } from "./room-figures.ts";
import { readWorkerStats } from "./worker-stats.ts";
import type { WorkerStats } from "./worker-stats.ts";

export interface SfuWorkerOptions {
  readonly nodeId: string;
  readonly config: SfuConfig;
  /** Port of its own, UDP and TCP; 0 asks the kernel for one. */
  readonly mediaPort: number;
  /** Threads that protect and send, for this worker alone. */
  readonly senderThreads: number;
  readonly islb: IslbService;
  readonly events: EventBus;
  readonly connectRelay: ConnectRelay;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Opens media I/O, for those who measure it. Default: openMediaIo. */
  readonly openMedia?: typeof openMediaIo;
}

/** What an operator should know of a worker. */
export interface WorkerFacts {
  /** Bound port, UDP and TCP. */
  readonly mediaPort: number;
  readonly mediaBackend: "native" | "typescript";
  /** Why it is this backend. */
  readonly mediaBackendReason: string;
  readonly dtlsBackend: "openssl" | "werift";
  /** Says what to change where the kernel gave smaller socket buffers than wanted. */
  readonly socketWarnings: readonly string[];
}

/** What a worker holds and did, as its node needs to know it. */
export interface WorkerReport {
  readonly stats: WorkerStats;
  /** For the node's report to islb. */
  readonly rooms: readonly RoomPosition[];
  /** For metrics, where the configuration wants them. */
  readonly figures: readonly RoomFigures[];
}

/** What islb says is to be put right. */
export type RoomHealing = Pick<ReportNodeResponse, "staleRoomIds" | "corrections">;

/** Everything of an sfu that belongs to one thread: a port, an engine, and the rooms that are on it. */
export class SfuWorker {
  readonly facts: WorkerFacts;
  readonly service: SfuService;
  readonly #options: SfuWorkerOptions;
  readonly #inspected: InspectedWorker;
  readonly #drain: SessionDrain;
  #reconnects: Subscription | undefined;
  #draining = false;
  #closing: Promise<void> | undefined;

  /** Opens port and DTLS. Rejects with CONFIG_INVALID where that fails. */
  static async open(options: SfuWorkerOptions): Promise<SfuWorker> {
    const media = await openMedia(options);
    const dtls = await openDtlsProvider({ backend: options.config.dtlsBackend }).catch(async (error: unknown) => {
      await media.io.close();
      throw new CodedError("CONFIG_INVALID", `DTLS cannot be opened: ${String(error)}`, { cause: error });
    });
    return new SfuWorker(options, media, dtls);
  }

  private constructor(options: SfuWorkerOptions, media: OpenedMediaIo, dtls: DtlsProvider) {
    this.#options = options;
    this.facts = {
      mediaPort: media.io.port,
      mediaBackend: media.backend,
      mediaBackendReason: media.reason,
      dtlsBackend: dtls.backend,
      socketWarnings: media.socketWarnings,
    };
    this.#inspected = assemble(options, media, dtls);
    this.#drain = new SessionDrain({ rooms: () => this.#inspected.registry.rooms.values(), clock: options.clock });
    this.service = this.#createService();
  }

  get sessionCount(): number {
    return this.#inspected.registry.sessionCount;
  }

  /** Serves RelayService.Link for other nodes. */
  readonly serveRelay: ServeDuplex<LinkDown, LinkUp> = (duplex: Duplex<LinkDown, LinkUp>) => {
    if (this.#closing) duplex.abort(new CodedError("SFU_UNAVAILABLE", "The node is going away."));
    else this.#inspected.links.serve(duplex);
  };

  /** Starts taking packets. Called once. */
  start(): void {
    this.#inspected.worker.start();
    this.#reconnects = this.#options.events.onReconnect(() => {
      for (const room of this.#inspected.registry.rooms.values()) room.requestRead();
    });
  }

  report(): WorkerReport {
    return {
      stats: readWorkerStats(this.#inspected),
      rooms: this.#inspected.registry.positions,
      figures: readRoomFigures(this.#inspected, this.#options.config.metricsLabels),
    };
  }

  /** Puts right what a report showed to be wrong. Rooms that are not here are passed over. */
  heal({ staleRoomIds, corrections }: RoomHealing): void {
    const { registry } = this.#inspected;
    for (const roomId of staleRoomIds) registry.get(roomId)?.requestRead();
    for (const { roomId, gone, missingParticipantIds } of corrections) {
      const room = registry.get(roomId);
      for (const { participantId, reason } of gone) room?.endGone(participantId, reason);
      if (missingParticipantIds.length > 0) void room?.restore();
    }
  }

  /** From now on no session is opened, and the clients that are here are asked to go on at other nodes. */
  setDraining(): void {
    this.#draining = true;
    this.#drain.start();
  }

  /** Ends every session and link, and closes the port. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #close(): Promise<void> {
    this.#draining = true;
    this.#drain.stop();
    this.#reconnects?.unsubscribe();
    this.#inspected.registry.close();
    this.#inspected.links.close();
    this.#inspected.paths.close();
    return this.#inspected.worker.close();
  }

  #createService(): SfuService {
    const sessions = new SessionService({
      registry: this.#inspected.registry,
      logger: this.#options.logger,
      checkTakesWork: () => {
        if (this.#draining) throw new CodedError("NODE_DRAINING");
      },
    });
    return {
      session: (requests) => sessions.serve(requests),
      endSession: ({ roomId, participantId, reason }) => {
        sessions.end(roomId, participantId, reason);
        return Promise.resolve({});
      },
      inspect: ({ roomId }) => Promise.resolve(inspect(this.#inspected, roomId)),
      listRooms: () => Promise.resolve(listRooms(this.#inspected)),
      drain: () => {
        this.setDraining();
        return Promise.resolve({ sessions: this.sessionCount });
      },
    };
  }
}

function assemble(options: SfuWorkerOptions, media: OpenedMediaIo, dtls: DtlsProvider): InspectedWorker {
  const { nodeId, config, islb, events, connectRelay, clock, logger } = options;
  const random = new SystemRandom();
  const tracks = new LocalTracks();
  const worker = new MediaWorker({
    io: media.io,
    dtls,
    clock,
    random,
    announcedAddresses: findAddresses(config),
    tcp: config.mediaTcp,
  });
  const work = new PacedWork(clock);
  const paths = createRelayPaths(options, worker, random);
  const hubs = new RelayHubs({ nodeId, connect: connectRelay, media: worker, clock, random, logger, paths });
  const room = {
    nodeId,
    clock,
    random,
    work,
    logger,
    islb,
    events,
    media: worker,
    tracks,
    maxAudioStreams: config.maxAudioStreams,
    onReport: (report: MediaReport) => worker.reports.add(report),
    onVoices: (roomId: string, loudest: ReadonlySet<string>) =>
      forwardLoudest(links.links, roomId, loudest, (consumer, paused) => worker.setConsumerPaused(consumer, paused)),
    hubs,
  };
  const registry = new RoomRegistry(room);
  const links = new RelayLinkServer({
    nodeId,
    hubs,
    paths,
    media: worker,
    tracks,
    clock,
    random,
    checkEpoch: (roomId, epoch) => registry.checkEpoch(roomId, epoch),
  });
  return { nodeId, worker, registry, tracks, links, hubs, paths };
}

function createRelayPaths({ nodeId, config, clock }: SfuWorkerOptions, media: MediaWorker, random: Random): RelayPaths {
  const { mode, relayTransport: transport, grpcCaFile, relayAddresses } = config;
  // Keys travel in clear on a gRPC stream without TLS.
  const mayExchangeKeys = mode === "development" || grpcCaFile !== undefined;
  if (!mayExchangeKeys || transport === "grpc") return new RelayPaths({ transport, udp: undefined });
  if (transport === "nats") {
    const broker = new NatsMediaBroker({ urls: config.natsUrls, clock });
    const instanceId = randomBytes(8).toString("hex");
    const publications = new NatsPublications({ nodeId, instanceId, broker, media, clock, random });
    return new RelayPaths({ transport, udp: undefined, nats: { broker, publications } });
  }
  const found = [...findAnnouncedAddresses(mode, networkInterfaces()), ...config.announcedAddresses];
  const addresses = relayAddresses.length > 0 ? relayAddresses : [...new Set(found)];
  return new RelayPaths({ transport, udp: new UdpPeers({ media, clock, random, addresses }) });
}

async function openMedia(options: SfuWorkerOptions): Promise<OpenedMediaIo> {
  const { config, mediaPort, senderThreads, openMedia: open = openMediaIo } = options;
  const { mediaHost, mediaTcp, mediaSlotCount, mediaSocketBufferBytes, mediaBackend } = config;
  try {
    return await open({
      host: mediaHost,
      port: mediaPort,
      tcp: mediaTcp,
      slotCount: mediaSlotCount,
      socketBufferBytes: mediaSocketBufferBytes,
      senderThreads,
      backend: mediaBackend,
    });
  } catch (error) {
    const where = `${mediaHost} port ${mediaPort}`;
    throw new CodedError("CONFIG_INVALID", `Media cannot be opened on ${where}: ${String(error)}`, { cause: error });
  }
}

function findAddresses(config: SfuConfig): readonly string[] {
  if (config.announcedAddresses.length > 0) return config.announcedAddresses;
  return findAnnouncedAddresses(config.mode, networkInterfaces());
}
