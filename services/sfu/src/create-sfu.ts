import { randomUUID } from "node:crypto";
import { availableParallelism, networkInterfaces } from "node:os";
import type { EventBus, Subscription } from "@cation/cluster/events/event-bus";
import type { Duplex } from "@cation/cluster/rpc/duplex";
import type { ServeDuplex } from "@cation/cluster/rpc/duplex";
import { openMediaIo } from "@cation/media-io/open-media-io";
import type { OpenedMediaIo } from "@cation/media-io/open-media-io";
import type { IslbService, ReportNodeResponse } from "@cation/proto/islb/v1/islb";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import type { NodeLoad } from "@cation/proto/state/v1/state";
import { setRepeatingTimer } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import { createMetricsRegistry } from "@cation/service-kit/metrics";
import type { Service } from "@cation/service-kit/service";
import type { DtlsProvider } from "@cation/webrtc/dtls";
import { openDtlsProvider } from "@cation/webrtc/open-dtls";
import type { Registry } from "prom-client";
import { findAnnouncedAddresses } from "./announced-addresses.ts";
import { inspect } from "./inspect.ts";
import { LocalTracks } from "./local-tracks.ts";
import { MediaWorker } from "./media-worker.ts";
import { NodeAgent } from "./node-agent.ts";
import { NodeDirectory } from "./node-directory.ts";
import { LoadMeter } from "./node-load.ts";
import { PacedWork } from "./paced-work.ts";
import { RelayLinkServer } from "./relay/relay-link-server.ts";
import { RoomRegistry } from "./room-registry.ts";
import { SessionService } from "./session-service.ts";
import type { SfuConfig } from "./sfu-config.ts";
import { addSfuMetrics } from "./sfu-metrics.ts";
import { SystemRandom } from "./system-random.ts";

/** Release of the software, as nodes tell it each other. */
const VERSION = "0.1.0";
/** How often a drain looks whether the node is empty. */
const DRAIN_CHECK_MS = 200;

export interface SfuDeps {
  readonly config: SfuConfig;
  readonly islb: IslbService;
  readonly events: EventBus;
  /** Opens a relay link (RelayService.Link) to the node at host:port. May throw where that is impossible. */
  readonly relayClient: (address: string) => Duplex<LinkUp, LinkDown>;
  /** host:port at which signal and other nodes reach this one; asked when the node starts. */
  readonly readGrpcAddress: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Sfu extends Service {
  readonly nodeId: string;
  /** Control, for signal and operators. */
  readonly service: SfuService;
  /** Serves RelayService.Link for other nodes. */
  readonly serveRelay: ServeDuplex<LinkDown, LinkUp>;
  /** "native" or "typescript". */
  readonly mediaBackend: string;
  /** Bound port, UDP and TCP. */
  readonly mediaPort: number;
  /** Metrics of this sfu. */
  readonly registry: Registry;
  /** Why the node should get no new work, or undefined: for /readyz. */
  readonly findUnreadiness: () => string | undefined;
  /** Sessions held now. */
  readonly sessionCount: number;
}

/**
 * Makes an sfu: opens its media port and DTLS, wires rooms, relays and the node agent. Nothing is served and nobody is
 * told before `start`. Rejects with CONFIG_INVALID where the port cannot be bound or a backend cannot be had.
 */
export async function createSfu(deps: SfuDeps): Promise<Sfu> {
  const { config } = deps;
  const media = await openMedia(config);
  const dtls = await openDtlsProvider().catch(async (error: unknown) => {
    await media.io.close();
    throw new CodedError("CONFIG_INVALID", `DTLS cannot be opened: ${String(error)}`, { cause: error });
  });
  return new SfuServer(deps, media, dtls);
}

async function openMedia(config: SfuConfig): Promise<OpenedMediaIo> {
  const { mediaHost, mediaPort, mediaTcp, mediaSlotCount, mediaSenderThreads, mediaBackend } = config;
  try {
    return await openMediaIo({
      host: mediaHost,
      port: mediaPort,
      tcp: mediaTcp,
      slotCount: mediaSlotCount,
      senderThreads: mediaSenderThreads,
      backend: mediaBackend,
    });
  } catch (error) {
    const where = `${mediaHost} port ${mediaPort}`;
    throw new CodedError("CONFIG_INVALID", `Media cannot be opened on ${where}: ${String(error)}`, { cause: error });
  }
}

class SfuServer implements Sfu {
  readonly nodeId: string;
  readonly service: SfuService;
  readonly registry = createMetricsRegistry("sfu");
  readonly mediaBackend: string;
  readonly mediaPort: number;
  readonly #deps: SfuDeps;
  readonly #media: OpenedMediaIo;
  readonly #tracks = new LocalTracks();
  readonly #worker: MediaWorker;
  readonly #links: RelayLinkServer;
  readonly #rooms: RoomRegistry;
  readonly #directory: NodeDirectory;
  readonly #meter: LoadMeter;
  readonly #startedAtMs: number;
  #agent: NodeAgent | undefined;
  #reconnects: Subscription | undefined;
  #draining = false;
  #closing: Promise<void> | undefined;
  #drainTimer: Timer | undefined;
  #onEmpty: (() => void)[] = [];

  constructor(deps: SfuDeps, media: OpenedMediaIo, dtls: DtlsProvider) {
    const { config, clock, logger, islb, events } = deps;
    const random = new SystemRandom();
    this.#deps = deps;
    this.#media = media;
    this.nodeId = config.nodeId ?? `sfu-${randomUUID().slice(0, 8)}`;
    this.mediaBackend = media.backend;
    this.mediaPort = media.io.port;
    this.#startedAtMs = clock.nowMs();
    this.#worker = new MediaWorker({
      io: media.io,
      dtls,
      clock,
      random,
      announcedAddresses: findAddresses(config),
      tcp: config.mediaTcp,
    });
    this.#directory = new NodeDirectory(islb);
    this.#rooms = new RoomRegistry({
      nodeId: this.nodeId,
      clock,
      random,
      work: new PacedWork(clock),
      logger,
      islb,
      events,
      media: this.#worker,
      tracks: this.#tracks,
      connectRelay: (nodeId) => this.#connectRelay(nodeId),
    });
    this.#links = new RelayLinkServer({
      media: this.#worker,
      tracks: this.#tracks,
      clock,
      random,
      checkEpoch: (roomId, epoch) => this.#rooms.checkEpoch(roomId, epoch),
    });
    this.#meter = createMeter(config, media, clock);
    this.service = this.#createService();
    addSfuMetrics(this.registry, {
      ...this.#inspected,
      readLoad: () => this.#meter.load,
      isRegistered: () => this.#agent?.registered ?? false,
      isDraining: () => this.#draining,
    });
  }

  get sessionCount(): number {
    return this.#rooms.sessionCount;
  }

  readonly serveRelay = (duplex: Duplex<LinkDown, LinkUp>): void => {
    if (this.#closing) duplex.abort(new CodedError("SFU_UNAVAILABLE", "The node is going away."));
    else this.#links.serve(duplex);
  };

  readonly findUnreadiness = (): string | undefined => {
    if (this.#draining) return "draining";
    return this.#agent?.registered === true ? undefined : "not registered with islb";
  };

  async start(): Promise<void> {
    const { config, clock, logger, islb, events } = this.#deps;
    const { backend, reason, socketWarnings } = this.#media;
    for (const warning of socketWarnings) logger.warn(warning);
    this.#worker.start();
    this.#reconnects = events.onReconnect(() => this.#readAllRooms());
    this.#agent = new NodeAgent({
      identity: {
        nodeId: this.nodeId,
        region: config.region,
        grpcAddress: this.#deps.readGrpcAddress(),
        capacity: capacityOf(config),
        startedAtMs: this.#startedAtMs,
        version: VERSION,
      },
      islb,
      clock,
      logger,
      measureLoad: () => this.#measureLoad(),
      readRooms: () => this.#rooms.positions,
      onReported: (response) => this.#reported(response),
    });
    logger.info({ nodeId: this.nodeId, mediaPort: this.mediaPort, mediaBackend: backend, reason }, "sfu serves media");
    await this.#agent.start();
  }

  async drain(): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      await this.#agent?.setDraining();
    }
    if (this.sessionCount === 0 || this.#closing) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty.push(resolve);
      this.#drainTimer ??= setRepeatingTimer(this.#deps.clock, DRAIN_CHECK_MS, () => this.#checkEmpty());
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#draining = true;
    this.#reconnects?.unsubscribe();
    this.#rooms.close();
    this.#links.close();
    this.#checkEmpty();
    this.#drainTimer?.cancel();
    await this.#agent?.stop();
    await this.#worker.close();
  }

  #checkEmpty(): void {
    if (this.sessionCount > 0) return;
    this.#drainTimer?.cancel();
    this.#drainTimer = undefined;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  get #inspected() {
    const { nodeId } = this;
    return { nodeId, worker: this.#worker, registry: this.#rooms, tracks: this.#tracks, links: this.#links };
  }

  #createService(): SfuService {
    const sessions = new SessionService({
      registry: this.#rooms,
      logger: this.#deps.logger,
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
    };
  }

  async #connectRelay(nodeId: string): Promise<Duplex<LinkUp, LinkDown>> {
    const address = await this.#directory.findAddress(nodeId);
    if (address === undefined) throw new CodedError("NODE_NOT_FOUND");
    return this.#deps.relayClient(address);
  }

  #measureLoad(): NodeLoad {
    const participants = this.sessionCount;
    const { stress, cpu, packetsPerSecond, egressBps } = this.#meter.measure(this.#deps.clock.monotonicMs());
    return {
      stress,
      cpu,
      // Whole numbers on the wire.
      packetsPerSecond: Math.round(packetsPerSecond),
      egressBps: Math.round(egressBps),
      participants,
      rooms: this.#rooms.rooms.size,
      tracks: this.#tracks.size,
    };
  }

  #reported({ nodes, staleRoomIds, corrections }: ReportNodeResponse): void {
    this.#directory.update(nodes);
    for (const roomId of staleRoomIds) this.#rooms.get(roomId)?.requestRead();
    for (const { roomId, gone } of corrections) {
      for (const { participantId, reason } of gone) this.#rooms.get(roomId)?.endGone(participantId, reason);
    }
  }

  #readAllRooms(): void {
    for (const room of this.#rooms.rooms.values()) room.requestRead();
  }
}

function findAddresses(config: SfuConfig): readonly string[] {
  if (config.announcedAddresses.length > 0) return config.announcedAddresses;
  return findAnnouncedAddresses(config.mode, networkInterfaces());
}

function capacityOf({ maxParticipants, maxPacketsPerSecond, maxEgressBps }: SfuConfig) {
  return { maxParticipants, maxPacketsPerSecond, maxEgressBps };
}

function createMeter(config: SfuConfig, { io }: OpenedMediaIo, clock: Clock): LoadMeter {
  let loop = performance.eventLoopUtilization();
  const options = {
    capacity: capacityOf(config),
    cores: availableParallelism(),
    readTotals: () => {
      const { receivedPackets, sentPackets, sentBytes } = io.counters();
      const { user, system } = process.cpuUsage();
      return { packets: receivedPackets + sentPackets, sentBytes, cpuUs: user + system };
    },
    readLoopUtilization: () => {
      const before = loop;
      loop = performance.eventLoopUtilization();
      return performance.eventLoopUtilization(loop, before).utilization;
    },
  };
  return new LoadMeter(options, clock.monotonicMs());
}
