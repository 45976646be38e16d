import { grpcClient } from "@cation/cluster/rpc/grpc-client";
import type { Closable } from "@cation/cluster/rpc/grpc-client";
import { type InspectResponse, type RelayInfo, type SfuService, SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import { readMetrics } from "./metrics.ts";

/** What an sfu node holds, as it says itself. */
export class NodeInspector {
  readonly nodeId: string;
  readonly #sfu: Pick<SfuService, "inspect">;
  readonly #metricsUrl: string;
  readonly #close: () => void;

  /** A node behind gRPC. */
  static overGrpc(nodeId: string, grpcAddress: string, metricsUrl: string): NodeInspector {
    const client: SfuService & Closable = grpcClient(SfuServiceDefinition, grpcAddress);
    return new NodeInspector(nodeId, client, metricsUrl, () => client.close());
  }

  constructor(
    nodeId: string,
    sfu: Pick<SfuService, "inspect">,
    metricsUrl: string,
    close: () => void = () => undefined,
  ) {
    this.nodeId = nodeId;
    this.#sfu = sfu;
    this.#metricsUrl = metricsUrl;
    this.#close = close;
  }

  /** Of one room, or of the whole node. */
  inspect(roomId = ""): Promise<InspectResponse> {
    return this.#sfu.inspect({ roomId });
  }

  /** Tracks of the room that this node sends to others, and receives from others. */
  async relays(roomId: string): Promise<{ readonly out: RelayInfo[]; readonly in: RelayInfo[] }> {
    const { relays } = await this.inspect(roomId);
    return {
      out: relays.filter(({ direction }) => direction === "out"),
      in: relays.filter(({ direction }) => direction === "in"),
    };
  }

  /** How much there is of everything that a participant takes. */
  async holdings(
    roomId = "",
  ): Promise<{ sessions: number; transports: number; producers: number; consumers: number; relays: number }> {
    const { sessions, transports, producers, consumers, relays } = await this.inspect(roomId);
    return { sessions, transports, producers: producers.length, consumers: consumers.length, relays: relays.length };
  }

  /** Sum of a metric over all its labels that include `labels`. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return (await readMetrics(this.#metricsUrl)).sum(name, labels);
  }

  close(): void {
    this.#close();
  }
}
