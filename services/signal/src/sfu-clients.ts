import { GrpcConnection } from "@cation/cluster/rpc/grpc-client";
import type { GrpcClientOptions } from "@cation/cluster/rpc/grpc-client";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import { setRepeatingTimer } from "@cation/service-kit/clock";
import type { Clock, Timer } from "@cation/service-kit/clock";

/** Nodes come and go; a connection that nobody asked for so long is given up when its calls are over. */
const IDLE_MS = 600_000;

interface Entry {
  readonly connection: GrpcConnection;
  readonly client: SfuService;
  usedMs: number;
}

/** Connections to sfu nodes, one an address, shared by all clients of this signal. */
export class SfuClients {
  readonly #clock: Clock;
  readonly #options: GrpcClientOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #sweepTimer: Timer;

  constructor(clock: Clock, options: GrpcClientOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#sweepTimer = setRepeatingTimer(clock, IDLE_MS, () => this.#sweep());
  }

  /** The sfu at host:port. Connects on the first call. */
  for(address: string): SfuService {
    let entry = this.#entries.get(address);
    if (!entry) {
      const connection = new GrpcConnection(address, this.#options);
      entry = { connection, client: connection.client<SfuService>(SfuServiceDefinition), usedMs: 0 };
      this.#entries.set(address, entry);
    }
    entry.usedMs = this.#clock.monotonicMs();
    return entry.client;
  }

  /** Ends all calls. Idempotent. */
  close(): void {
    this.#sweepTimer.cancel();
    for (const { connection } of this.#entries.values()) connection.close();
    this.#entries.clear();
  }

  #sweep(): void {
    for (const [address, { connection, usedMs }] of this.#entries) {
      if (this.#clock.monotonicMs() - usedMs < IDLE_MS) continue;
      this.#entries.delete(address);
      connection.release();
    }
  }
}
