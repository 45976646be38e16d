import { InProcessEventBus } from "@cation/cluster/events/in-process-event-bus";
import { directClient } from "@cation/cluster/rpc/direct-client";
import { directDuplex } from "@cation/cluster/rpc/direct-duplex";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import type { Duplex } from "@cation/cluster/rpc/duplex";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import type { LinkDown, LinkUp } from "@cation/proto/relay/v1/relay";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import { systemClock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { ConfigSource } from "@cation/service-kit/config";
import { createLogger } from "@cation/service-kit/logger";
import type { LogLevel } from "@cation/service-kit/logger";
import { createSfu } from "../create-sfu.ts";
import type { Sfu } from "../create-sfu.ts";
import { loadSfuConfig } from "../sfu-config.ts";
import type { StartThread } from "../workers/threaded-worker.ts";
import { MemoryIslb } from "./memory-islb.ts";

export interface TestNodeOptions {
  /** For looking into a failing test. */
  readonly logLevel?: LogLevel;
  /** Where the main thread's log goes; standard output by default. */
  readonly logTo?: { write(line: string): void };
  readonly workers?: number;
  readonly startThread?: StartThread;
  /** Further settings. */
  readonly env?: ConfigSource;
}

/** Several sfu nodes in one process, on loopback, that reach each other and an islb by the encoded messages. */
export class TestCluster {
  readonly events = new InProcessEventBus();
  readonly islb = new MemoryIslb(this.events);
  readonly sfus: Sfu[] = [];
  /** Nodes to which no relay link can be opened. */
  readonly unreachable = new Set<string>();
  /** Links opened so far, by node that was called. */
  readonly linksOpened: string[] = [];

  readonly #links: Duplex<LinkUp, LinkDown>[] = [];

  /** Starts the nodes. */
  static async start(nodeIds: readonly string[], options: TestNodeOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster();
    for (const nodeId of nodeIds) await cluster.add(nodeId, options);
    return cluster;
  }

  async add(nodeId: string, options: TestNodeOptions = {}): Promise<Sfu> {
    const { logLevel = "silent", logTo, workers = 1, startThread, env = {} } = options;
    const config = loadSfuConfig({
      CATION_SFU_MODE: "development",
      CATION_SFU_NODE_ID: nodeId,
      CATION_SFU_MEDIA_HOST: "127.0.0.1",
      CATION_SFU_MEDIA_PORT: "0",
      CATION_SFU_MEDIA_SLOT_COUNT: "4096",
      CATION_SFU_WORKERS: String(workers),
      CATION_SFU_LOG_FORMAT: "pretty",
      ...env,
    });
    const sfu = await createSfu({
      config,
      islb: directClient<IslbService>(IslbServiceDefinition, this.islb),
      events: this.events,
      relayClient: (address) => {
        const peer = this.find(address);
        if (this.unreachable.has(address)) throw new CodedError("SFU_UNAVAILABLE");
        this.linksOpened.push(address);
        const link = directDuplex(RelayServiceDefinition, "link", peer.serveRelay);
        this.#links.push(link);
        return link;
      },
      // Nodes are addressed by their names.
      readGrpcAddress: () => nodeId,
      clock: systemClock,
      logger: createLogger({
        service: nodeId,
        level: logLevel,
        format: "pretty",
        ...(logTo && { destination: logTo }),
      }),
      ...(startThread && { startThread }),
    });
    this.sfus.push(sfu);
    await sfu.start();
    return sfu;
  }

  find(nodeId: string): Sfu {
    const sfu = this.sfus.find((one) => one.nodeId === nodeId);
    if (!sfu) throw new CodedError("NODE_NOT_FOUND");
    return sfu;
  }

  /** The control side of a node, as signal sees it. */
  clientOf(nodeId: string): SfuService {
    return directClient<SfuService>(SfuServiceDefinition, this.find(nodeId).service);
  }

  /** Breaks all relay links, as a network that goes away for a moment. */
  cutLinks(): void {
    for (const link of this.#links.splice(0)) link.abort(new CodedError("SFU_UNAVAILABLE"));
  }

  async close(): Promise<void> {
    await Promise.all(this.sfus.map((sfu) => sfu.close()));
    await this.events.close();
  }
}
