import type { IslbService } from "@cation/proto/islb/v1/islb";
import type { Node } from "@cation/proto/state/v1/state";

/** The cluster's nodes, as islb last told them: where to reach whom. */
export class NodeDirectory {
  readonly #islb: Pick<IslbService, "listNodes">;
  #nodes = new Map<string, Node>();
  #refreshing: Promise<void> | undefined;

  constructor(islb: Pick<IslbService, "listNodes">) {
    this.#islb = islb;
  }

  /** Takes the list of a report's answer. */
  update(nodes: readonly Node[]): void {
    this.#nodes = new Map(nodes.map((node) => [node.nodeId, node]));
  }

  /** Nodes known now. */
  get size(): number {
    return this.#nodes.size;
  }

  /**
   * host:port of a node's gRPC server. Asks islb where the node is not known (it may be newer than the last report);
   * undefined when islb does not know it either. Rejects when islb cannot be reached.
   */
  async findAddress(nodeId: string): Promise<string | undefined> {
    const known = this.#nodes.get(nodeId);
    if (known) return known.grpcAddress;
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    await this.#refreshing;
    return this.#nodes.get(nodeId)?.grpcAddress;
  }

  async #refresh(): Promise<void> {
    const { nodes } = await this.#islb.listNodes({});
    this.update(nodes);
  }
}
