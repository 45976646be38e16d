import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import type { EventBus } from "@cation/cluster/events/event-bus";
import type { Duplex, ServeDuplex } from "@cation/cluster/rpc/duplex";
import type { IslbService, ReportNodeResponse } from "@cation/proto/islb/v1/islb";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import type { NodeCapacity } from "@cation/proto/state/v1/state";
import { setRepeatingTimer } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import { createMetricsRegistry } from "@cation/service-kit/metrics";
import type { Service } from "@cation/service-kit/service";
import type { Registry } from "prom-client";
import { DrainProgress } from "./drain-progress.ts";
import type { DrainState } from "./drain-progress.ts";
import { NodeAgent } from "./node-agent.ts";
import type { CarriedByNode } from "./node-agent.ts";
import { NodeDirectory } from "./node-directory.ts";
import { LoadMeter } from "./node-load.ts";
import type { SfuConfig } from "./sfu-config.ts";
import { addSfuMetrics } from "./sfu-metrics.ts";
import { planThreads } from "./thread-plan.ts";
import type { ThreadPlan } from "./thread-plan.ts";
import type { GroupReport, WorkerGroup, WorkerState } from "./worker-group.ts";
import { NO_STATS } from "./worker-stats.ts";
import { openWorkers } from "./workers/open-workers.ts";
import type { StartThread } from "./workers/threaded-worker.ts";

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
  /** Starts the threads of workers. Default: worker-thread.ts. */
  readonly startThread?: StartThread;
}

export interface Sfu extends Service {
  readonly nodeId: string;
  /** Control, for signal and operators. */
  readonly service: SfuService;
  /** Serves RelayService.Link for other nodes. */
  readonly serveRelay: ServeDuplex<LinkDown, LinkUp>;
  /** "native" or "typescript". */
  readonly mediaBackend: string;
  /** Bound port of the first worker, UDP and TCP. */
  readonly mediaPort: number;
  /** The workers as they are now, by index. */
  readonly workers: readonly WorkerState[];
  /** Metrics of this sfu. */
  readonly registry: Registry;
  /** Why the node should get no new work, or undefined: for /readyz. */
  readonly findUnreadiness: () => string | undefined;
  /** How far a drain is. */
  readonly drainState: DrainState;
  /** Sessions held now; where workers are threads, as of their last report. */
  readonly sessionCount: number;
}

/**
 * Makes an sfu: opens the media ports and DTLS of its workers, wires the node agent. Nothing is served and nobody is told
 * before `start`. Rejects with CONFIG_INVALID where a port cannot be bound or a backend cannot be had.
 */
export async function createSfu(deps: SfuDeps): Promise<Sfu> {
  const { config, clock } = deps;
  const nodeId = config.nodeId ?? `sfu-${randomUUID().slice(0, 8)}`;
  const plan = planThreads(config, availableParallelism());
  const directory = new NodeDirectory(deps.islb);
  const capacity = capacityOf(config);
  const workers = await openWorkers({
    ...deps,
    plan,
    nodeId,
    capacity,
    connectRelay: async (peerNodeId) => {
      const address = await directory.findAddress(peerNodeId);
      if (address === undefined) throw new CodedError("NODE_NOT_FOUND");
      return deps.relayClient(address);
    },
  });
  return new SfuServer(deps, { nodeId, plan, directory, capacity, startedAtMs: clock.nowMs() }, workers);
}

/** What is settled before there are workers. */
interface NodeParts {
  readonly nodeId: string;
  readonly plan: ThreadPlan;
  readonly directory: NodeDirectory;
  readonly capacity: NodeCapacity;
  readonly startedAtMs: number;
}

class SfuServer implements Sfu {
  readonly nodeId: string;
  readonly registry = createMetricsRegistry("sfu");
  readonly #deps: SfuDeps;
  readonly #parts: NodeParts;
  readonly #group: WorkerGroup;
  readonly #meter: LoadMeter;
  #report: GroupReport = { stats: NO_STATS, rooms: [], figures: [] };
  #reporting: Promise<GroupReport> | undefined;
  #agent: NodeAgent | undefined;
  #draining = false;
  #progress: DrainProgress | undefined;
  #closing: Promise<void> | undefined;
  #drainTimer: Timer | undefined;
  #onEmpty: (() => void)[] = [];

  constructor(deps: SfuDeps, parts: NodeParts, group: WorkerGroup) {
    this.#deps = deps;
    this.#parts = parts;
    this.#group = group;
    this.nodeId = parts.nodeId;
    this.#meter = this.#createMeter();
    addSfuMetrics(this.registry, {
      readStats: async () => (await this.#refresh()).stats,
      readWorkers: () => group.workers,
      readLoad: () => this.#meter.load,
      readRooms: async () => (await this.#refresh()).figures,
      labels: deps.config.metricsLabels,
      isRegistered: () => this.#agent?.registered ?? false,
      isDraining: () => this.#draining,
      isConnected: () => deps.events.connected,
    });
  }

  get service(): SfuService {
    return {
      ...this.#group.service,
      drain: () => {
        this.#deps.logger.info({ nodeId: this.nodeId }, "drain asked for");
        void this.drain();
        return Promise.resolve({ sessions: this.sessionCount });
      },
    };
  }

  get mediaBackend(): string {
    return this.workers[0].facts.mediaBackend;
  }

  get mediaPort(): number {
    return this.workers[0].facts.mediaPort;
  }

  get workers(): readonly WorkerState[] {
    return this.#group.workers;
  }

  get sessionCount(): number {
    return this.#group.sessionCount;
  }

  readonly serveRelay = (duplex: Duplex<LinkDown, LinkUp>): void => {
    if (this.#closing) duplex.abort(new CodedError("SFU_UNAVAILABLE", "The node is going away."));
    else this.#group.serveRelay(duplex);
  };

  readonly findUnreadiness = (): string | undefined => {
    if (this.#draining) return "draining";
    return this.#agent?.registered === true ? undefined : "not registered with islb";
  };

  async start(): Promise<void> {
    const { config, clock, logger, islb, readGrpcAddress } = this.#deps;
    this.#logWorkers();
    await this.#group.start();
    this.#agent = new NodeAgent({
      identity: {
        nodeId: this.nodeId,
        region: config.region,
        grpcAddress: readGrpcAddress(),
        capacity: this.#parts.capacity,
        startedAtMs: this.#parts.startedAtMs,
        version: VERSION,
      },
      islb,
      clock,
      logger,
      measure: () => this.#measure(),
      onReported: (response) => this.#reported(response),
    });
    await this.#agent.start();
  }

  /** islb is told first: nobody is placed here any more when the first client is asked to go. */
  async drain(): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      await this.#refresh();
      this.#progress = new DrainProgress(this.#deps.clock, this.sessionCount);
      await this.#agent?.setDraining();
      await this.#group.setDraining();
    }
    await this.#refresh();
    if (this.sessionCount === 0 || this.#closing) return this.#drained();
    await new Promise<void>((resolve) => {
      this.#onEmpty.push(resolve);
      this.#drainTimer ??= setRepeatingTimer(this.#deps.clock, DRAIN_CHECK_MS, () => void this.#checkEmpty());
    });
  }

  get drainState(): DrainState {
    return this.#progress?.read(this.sessionCount) ?? { draining: false, sessions: this.sessionCount };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#draining = true;
    const closed = this.#group.close();
    this.#drained();
    await this.#agent?.stop();
    await closed;
  }

  async #checkEmpty(): Promise<void> {
    await this.#refresh();
    const state = this.#progress?.takeNews(this.sessionCount);
    if (state) this.#deps.logger.info(state, "draining");
    if (this.sessionCount === 0) this.#drained();
  }

  #drained(): void {
    this.#drainTimer?.cancel();
    this.#drainTimer = undefined;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** What the workers say now. Whoever asks meanwhile gets the same answer: a scrape asks once a metric. */
  #refresh(): Promise<GroupReport> {
    this.#reporting ??= this.#group.report().then((report) => {
      this.#reporting = undefined;
      return (this.#report = report);
    });
    return this.#reporting;
  }

  async #measure(): Promise<CarriedByNode> {
    const { stats, rooms } = await this.#refresh();
    const { stress, cpu, packetsPerSecond, egressBps } = this.#meter.measure(this.#deps.clock.monotonicMs());
    const load = {
      stress,
      cpu,
      // Whole numbers on the wire.
      packetsPerSecond: Math.round(packetsPerSecond),
      egressBps: Math.round(egressBps),
      participants: stats.held.sessions,
      rooms: stats.held.rooms,
      tracks: stats.held.tracks,
    };
    return { load, rooms };
  }

  #reported(response: ReportNodeResponse): void {
    this.#parts.directory.update(response.nodes);
    this.#group.heal(response);
  }

  #logWorkers(): void {
    const { logger } = this.#deps;
    const { plan } = this.#parts;
    for (const [worker, { facts }] of this.workers.entries()) {
      for (const warning of facts.socketWarnings) logger.warn({ worker }, warning);
      const { socketWarnings: _logged, ...shown } = facts;
      logger.info({ nodeId: this.nodeId, worker, ...shown, senderThreads: plan.senderThreads }, "sfu serves media");
    }
  }

  #createMeter(): LoadMeter {
    let loop = performance.eventLoopUtilization();
    const options = {
      capacity: this.#parts.capacity,
      cores: availableParallelism(),
      readTotals: () => {
        const { receivedPackets, sentPackets, sentBytes } = this.#report.stats.totals;
        const { user, system } = process.cpuUsage();
        return { packets: receivedPackets + sentPackets, sentBytes, cpuUs: user + system };
      },
      readLoopUtilization: () => {
        const before = loop;
        loop = performance.eventLoopUtilization();
        return Math.max(performance.eventLoopUtilization(loop, before).utilization, this.#group.loopUtilization);
      },
    };
    return new LoadMeter(options, this.#deps.clock.monotonicMs());
  }
}

function capacityOf({ maxParticipants, maxPacketsPerSecond, maxEgressBps }: SfuConfig): NodeCapacity {
  return { maxParticipants, maxPacketsPerSecond, maxEgressBps };
}
