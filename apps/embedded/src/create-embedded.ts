import { InProcessEventBus } from "@cation/cluster/events/in-process-event-bus";
import { directClient } from "@cation/cluster/rpc/direct-client";
import { directDuplex } from "@cation/cluster/rpc/direct-duplex";
import { MemoryNodeRegistry } from "@cation/cluster/store/memory-node-registry";
import { MemoryRoomStore } from "@cation/cluster/store/memory-room-store";
import { createIslb } from "@cation/islb/create-islb";
import type { Islb } from "@cation/islb/create-islb";
import type { IslbConfig } from "@cation/islb/islb-config";
import { IslbServiceDefinition } from "@cation/proto/islb/v1/islb";
import type { IslbService } from "@cation/proto/islb/v1/islb";
import { RelayServiceDefinition } from "@cation/proto/relay/v1/relay";
import { SfuServiceDefinition } from "@cation/proto/sfu/v1/sfu";
import type { SfuService } from "@cation/proto/sfu/v1/sfu";
import type { Clock } from "@cation/service-kit/clock";
import { CodedError } from "@cation/service-kit/coded-error";
import type { Logger } from "@cation/service-kit/logger";
import { createProcessRegistry } from "@cation/service-kit/metrics";
import type { Service } from "@cation/service-kit/service";
import type { Tracer } from "@cation/service-kit/span";
import { createSfu } from "@cation/sfu/create-sfu";
import type { Sfu } from "@cation/sfu/create-sfu";
import type { SfuConfig } from "@cation/sfu/sfu-config";
import { createSignal } from "@cation/signal/create-signal";
import type { Signal } from "@cation/signal/create-signal";
import type { SignalConfig } from "@cation/signal/signal-config";

/** The one node's address: nothing listens there. */
const NODE_ADDRESS = "embedded:0";

export interface EmbeddedDeps {
  readonly signal: SignalConfig;
  readonly islb: IslbConfig;
  readonly sfu: SfuConfig;
  /** Serves https. PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly clock: Clock;
  /** Uniform in 0 … 1. */
  readonly random: () => number;
  readonly loggerFor: (service: string) => Logger;
  readonly tracer?: Tracer | undefined;
}

export interface Embedded extends Service {
  /** Port of the web app and its WebSocket, after start(). */
  readonly port: number;
  /** Port of the media, UDP and TCP. */
  readonly mediaPort: number;
  /** "native" or "typescript". */
  readonly mediaBackend: string;
  /** Control of the sfu, for tests and operators. */
  readonly sfu: SfuService;
}

/**
 * The three services in one process: the same code as in a cluster, with memory in Redis' place, function calls in gRPC's
 * (through the same encoding) and a list of handlers in NATS'. Rejects with CONFIG_INVALID when the media port cannot be
 * bound.
 */
export async function createEmbedded(deps: EmbeddedDeps): Promise<Embedded> {
  const { clock, random, loggerFor } = deps;
  const events = new InProcessEventBus();
  const onInternalError = (err: unknown, method: string): void =>
    loggerFor("rpc").error({ err, method }, "call failed");
  const islb = createIslb({
    config: deps.islb,
    store: new MemoryRoomStore(clock),
    registry: new MemoryNodeRegistry(clock),
    events,
    clock,
    random,
    logger: loggerFor("islb"),
  });
  const islbClient = directClient<IslbService>(IslbServiceDefinition, islb.service, { onInternalError });
  const sfu: Sfu = await createSfu({
    config: deps.sfu,
    islb: islbClient,
    events,
    // There is no other node; whoever asks for this one gets it.
    relayClient: () => directDuplex(RelayServiceDefinition, "link", sfu.serveRelay),
    readGrpcAddress: () => NODE_ADDRESS,
    clock,
    logger: loggerFor("sfu"),
  });
  const sfuClient = directClient<SfuService>(SfuServiceDefinition, sfu.service, { onInternalError });
  const signal = createSignal({
    config: deps.signal,
    islb: islbClient,
    sfuFor: (address) => findSfu(address, sfuClient),
    clock,
    random,
    logger: loggerFor("signal"),
    tracer: deps.tracer,
    ...(deps.tls ? { tls: deps.tls } : {}),
    registries: [islb.metrics, sfu.registry, createProcessRegistry()],
    info: () => ({ mode: "embedded", nodeId: sfu.nodeId, mediaBackend: sfu.mediaBackend, mediaPort: sfu.mediaPort }),
    readiness: { islb: islb.findUnreadiness, sfu: sfu.findUnreadiness },
  });
  return new EmbeddedServices(signal, islb, sfu, sfuClient, events);
}

function findSfu(address: string, sfu: SfuService): SfuService {
  if (address === NODE_ADDRESS) return sfu;
  throw new CodedError("SFU_UNAVAILABLE", "There is no such node here.");
}

class EmbeddedServices implements Embedded {
  readonly sfu: SfuService;
  readonly #signal: Signal;
  readonly #islb: Islb;
  readonly #sfu: Sfu;
  readonly #events: InProcessEventBus;

  constructor(signal: Signal, islb: Islb, sfu: Sfu, sfuClient: SfuService, events: InProcessEventBus) {
    this.sfu = sfuClient;
    this.#signal = signal;
    this.#islb = islb;
    this.#sfu = sfu;
    this.#events = events;
  }

  get port(): number {
    return this.#signal.port;
  }

  get mediaPort(): number {
    return this.#sfu.mediaPort;
  }

  get mediaBackend(): string {
    return this.#sfu.mediaBackend;
  }

  /** The way in opens last. */
  async start(): Promise<void> {
    await this.#islb.start();
    await this.#sfu.start();
    await this.#signal.start();
  }

  /** There is nowhere to move anybody to: a stop is a stop. */
  drain(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#signal.close();
    await this.#sfu.close();
    await this.#islb.close();
    await this.#events.close();
  }
}
