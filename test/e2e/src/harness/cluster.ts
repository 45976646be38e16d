import { WEB_ROOT } from "../../../../scripts/build-web.ts";
import { type ClusterOptions, type LocalCluster, startCluster } from "../../../../scripts/local-cluster.ts";
import { NodeInspector } from "./node-inspector.ts";
import { ServiceLog } from "./service-log.ts";

/** A whole cluster on loopback, with processes of its own and real Redis and NATS; clients choose their node. */
export class TestCluster {
  readonly log: ServiceLog;
  /** By node id. */
  readonly nodes: ReadonlyMap<string, NodeInspector>;
  readonly #cluster: LocalCluster;
  readonly #died: readonly string[];

  static async start(options: ClusterOptions = {}): Promise<TestCluster> {
    const log = new ServiceLog();
    const died: string[] = [];
    const cluster = await startCluster({
      placement: "pinned",
      webRoot: WEB_ROOT,
      ...options,
      onLine: log.add,
      onDied: (name, how) => died.push(`${name}: ${how}`),
    });
    return new TestCluster(cluster, log, died);
  }

  private constructor(cluster: LocalCluster, log: ServiceLog, died: readonly string[]) {
    this.#cluster = cluster;
    this.log = log;
    this.#died = died;
    this.nodes = new Map(
      cluster.sfus.map(({ nodeId, grpcAddress, adminUrl }) => [
        nodeId,
        NodeInspector.overGrpc(nodeId, grpcAddress, `${adminUrl}/metrics`),
      ]),
    );
  }

  /** Base address of a signal node, counted from 0. */
  signalUrl(index: number): string {
    const signal = this.#cluster.signals[index];
    if (signal === undefined) throw new Error(`There is no signal ${index}.`);
    return signal.url;
  }

  /** Kills a signal node, as a crash would. Returns what starts it again, at the same address. */
  async killSignal(index: number): Promise<() => Promise<void>> {
    const signal = this.#cluster.signals[index];
    if (signal === undefined) throw new Error(`There is no signal ${index}.`);
    await signal.process.kill();
    return () => signal.process.start();
  }

  node(nodeId: string): NodeInspector {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new Error(`There is no node ${nodeId}.`);
    return node;
  }

  mediaPort(nodeId: string): number {
    return this.#cluster.sfus.find((sfu) => sfu.nodeId === nodeId)?.mediaPort ?? 0;
  }

  /** Names of processes that ended though nobody asked them to. */
  get died(): readonly string[] {
    return this.#died;
  }

  async stop(): Promise<void> {
    for (const node of this.nodes.values()) node.close();
    await this.#cluster.stop();
  }
}
