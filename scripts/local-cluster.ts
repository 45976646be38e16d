import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FreePorts } from "./free-ports.ts";
import { SupervisedProcess } from "./supervised-process.ts";
import { requireTool } from "./test-tools.ts";

const HOST = "127.0.0.1";
const ROOT = join(import.meta.dirname, "..");
const FIRST_SIGNAL_PORT = 8080;

export interface ClusterOptions {
  /** How many of each. Default: 2. */
  readonly signals?: number;
  readonly islbs?: number;
  readonly sfus?: number;
  /** As islb names them; "pinned" obeys the node that a client asks for (?node= in the web app's address). */
  readonly placement?: Placement;
  /** Serve the web app from this folder. */
  readonly webRoot?: string;
  /** Have signal-1 on 8080, signal-2 on 8081 …, where those are free. Default: any free port. */
  readonly wishUsualPorts?: boolean;
  /** Further environment of the services, by kind: { sfu: { CATION_SFU_LOG_LEVEL: "debug" } }. */
  readonly env?: Partial<Record<ServiceKind, Readonly<Record<string, string>>>>;
  /** What starts a service, where that is not this repository: an image. Default: node and its main.ts. */
  readonly serviceCommand?: ServiceCommand;
  /** Gives up starting: what runs is killed and the start rejects. */
  readonly signal?: AbortSignal;
  readonly onLine?: (name: string, line: string) => void;
  /** A process ended and nobody had asked it to. */
  readonly onDied?: (name: string, how: string) => void;
}

/** Placement strategies of islb. */
export const PLACEMENTS = ["affinity", "spread", "pinned"] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** Program and arguments that run a service with an environment. */
export type ServiceCommand = (kind: ServiceKind, env: Readonly<Record<string, string>>) => readonly string[];

export type ServiceKind = "signal" | "islb" | "sfu";

/** A process of the cluster: "redis", "nats", "islb-1", "sfu-2", "signal-1" … */
export interface ClusterProcess {
  readonly name: string;
  readonly process: SupervisedProcess;
}

export interface SignalProcess extends ClusterProcess {
  /** Base address of its web app and WebSocket. */
  readonly url: string;
  readonly adminUrl: string;
}

export interface IslbProcess extends ClusterProcess {
  /** host:port of its gRPC server. */
  readonly grpcAddress: string;
  readonly adminUrl: string;
}

export interface SfuProcess extends ClusterProcess {
  /** The same as its name. */
  readonly nodeId: string;
  readonly grpcAddress: string;
  readonly adminUrl: string;
  readonly mediaPort: number;
}

/** A whole cluster on loopback: real redis-server and nats-server, and processes of every service. */
export interface LocalCluster {
  readonly redis: ClusterProcess & { readonly url: string };
  readonly nats: ClusterProcess & { readonly url: string };
  readonly islbs: readonly IslbProcess[];
  readonly sfus: readonly SfuProcess[];
  readonly signals: readonly SignalProcess[];
  /** Every process, by the order in which they were started. */
  readonly processes: readonly ClusterProcess[];
  /** Stops everything, clients' entrance first, and removes temporary files. Idempotent. */
  stop(): Promise<void>;
  /** Kills everything at once. Idempotent. */
  kill(): Promise<void>;
}

/**
 * Starts a cluster and resolves when every process serves and the sfu nodes are known to islb. Rejects, with nothing left
 * behind, when one does not come up.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<LocalCluster> {
  const folder = mkdtempSync(join(tmpdir(), "cation-cluster-"));
  const processes: ClusterProcess[] = [];
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const killAll = async (): Promise<void> => {
    await Promise.all(processes.map(({ process }) => process.kill()));
    remove();
  };
  options.signal?.addEventListener("abort", () => void killAll(), { once: true });
  try {
    const launcher = new Launcher(options, folder, processes);
    const redis = await launcher.startRedis();
    const nats = await launcher.startNats();
    const islbs = await startMany(options.islbs ?? 2, (index) => launcher.startIslb(index, redis.url, nats.url));
    const islbAddresses = islbs.map(({ grpcAddress }) => grpcAddress).join(",");
    const sfus = await startMany(options.sfus ?? 2, (index) => launcher.startSfu(index, islbAddresses, nats.url));
    const signals = await startMany(options.signals ?? 2, (index) => launcher.startSignal(index, islbAddresses));
    return {
      ...{ redis, nats, islbs, sfus, signals, processes },
      stop: async () => {
        await stopAll(processes);
        remove();
      },
      kill: killAll,
    };
  } catch (error) {
    await killAll();
    throw error;
  }
}

/** In the order of the way in: signal, sfu, islb, then what they stand on. */
async function stopAll(processes: readonly ClusterProcess[]): Promise<void> {
  for (const kind of ["signal", "sfu", "islb", "nats", "redis"]) {
    const ofKind = processes.filter(({ name }) => name.startsWith(kind));
    await Promise.all(ofKind.map(({ process }) => process.stop()));
  }
}

function startMany<T>(count: number, start: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => start(index + 1)));
}

/** Starts single processes with ports and settings that fit together. */
class Launcher {
  readonly #options: ClusterOptions;
  readonly #folder: string;
  readonly #processes: ClusterProcess[];
  readonly #ports = new FreePorts();

  constructor(options: ClusterOptions, folder: string, processes: ClusterProcess[]) {
    this.#options = options;
    this.#folder = folder;
    this.#processes = processes;
  }

  async startRedis(): Promise<LocalCluster["redis"]> {
    const command = requireTool("redis-server", process.env);
    const port = await this.#ports.take();
    const args = ["--bind", HOST, "--port", String(port), "--save", "", "--dir", this.#folder];
    args.push("--appendonly", "no", "--loglevel", "warning");
    const isReady = (): Promise<boolean> => answers(port, "PING\r\n", "+PONG");
    return { ...(await this.#start("redis", command, args, {}, isReady)), url: `redis://${HOST}:${port}` };
  }

  async startNats(): Promise<LocalCluster["nats"]> {
    const command = requireTool("nats-server", process.env);
    const port = await this.#ports.take();
    const isReady = (): Promise<boolean> => answers(port, "", "INFO ");
    const started = await this.#start("nats", command, ["--addr", HOST, "--port", String(port)], {}, isReady);
    return { ...started, url: `nats://${HOST}:${port}` };
  }

  async startIslb(index: number, redisUrl: string, natsUrl: string): Promise<IslbProcess> {
    const grpcPort = await this.#ports.take();
    const adminPort = await this.#ports.take();
    const started = await this.#startService("islb", index, adminPort, {
      CATION_ISLB_GRPC_HOST: HOST,
      CATION_ISLB_GRPC_PORT: String(grpcPort),
      CATION_ISLB_ADMIN_HOST: HOST,
      CATION_ISLB_ADMIN_PORT: String(adminPort),
      CATION_ISLB_REDIS_URL: redisUrl,
      CATION_ISLB_NATS_URLS: natsUrl,
      ...(this.#options.placement === undefined ? {} : { CATION_ISLB_PLACEMENT: this.#options.placement }),
    });
    return { ...started, grpcAddress: `${HOST}:${grpcPort}` };
  }

  async startSfu(index: number, islbAddresses: string, natsUrl: string): Promise<SfuProcess> {
    const grpcPort = await this.#ports.take();
    const adminPort = await this.#ports.take();
    const mediaPort = await this.#ports.take();
    const nodeId = `sfu-${index}`;
    const started = await this.#startService("sfu", index, adminPort, {
      CATION_SFU_MODE: "development",
      CATION_SFU_NODE_ID: nodeId,
      CATION_SFU_GRPC_HOST: HOST,
      CATION_SFU_GRPC_PORT: String(grpcPort),
      CATION_SFU_ADMIN_HOST: HOST,
      CATION_SFU_ADMIN_PORT: String(adminPort),
      CATION_SFU_MEDIA_HOST: HOST,
      CATION_SFU_MEDIA_PORT: String(mediaPort),
      CATION_SFU_ISLB_ADDRESSES: islbAddresses,
      CATION_SFU_NATS_URLS: natsUrl,
      CATION_SFU_DRAIN_TIMEOUT_MS: "1000",
    });
    return { ...started, nodeId, grpcAddress: `${HOST}:${grpcPort}`, mediaPort };
  }

  async startSignal(index: number, islbAddresses: string): Promise<SignalProcess> {
    const { wishUsualPorts, webRoot } = this.#options;
    const httpPort = await this.#ports.take(wishUsualPorts === true ? FIRST_SIGNAL_PORT + index - 1 : 0);
    const started = await this.#startService("signal", index, httpPort, {
      CATION_SIGNAL_MODE: "development",
      CATION_SIGNAL_HTTP_HOST: HOST,
      CATION_SIGNAL_HTTP_PORT: String(httpPort),
      CATION_SIGNAL_ISLB_ADDRESSES: islbAddresses,
      CATION_SIGNAL_DRAIN_SPREAD_MS: "0",
      CATION_SIGNAL_DRAIN_TIMEOUT_MS: "1000",
      ...(webRoot === undefined ? {} : { CATION_SIGNAL_WEB_ROOT: webRoot }),
    });
    return { ...started, url: `http://localhost:${httpPort}` };
  }

  async #startService(
    kind: ServiceKind,
    index: number,
    adminPort: number,
    env: Readonly<Record<string, string>>,
  ): Promise<ClusterProcess & { adminUrl: string }> {
    const adminUrl = `http://${HOST}:${adminPort}`;
    const settings = {
      [`CATION_${kind.toUpperCase()}_LOG_FORMAT`]: "pretty",
      ...env,
      ...this.#options.env?.[kind],
    };
    const isReady = async (): Promise<boolean> => (await fetch(`${adminUrl}/readyz`)).ok;
    const { serviceCommand = runFromSource } = this.#options;
    const [command = "", ...args] = serviceCommand(kind, settings);
    const started = await this.#start(`${kind}-${index}`, command, args, settings, isReady);
    return { ...started, adminUrl };
  }

  async #start(
    name: string,
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    isReady: () => Promise<boolean>,
  ): Promise<ClusterProcess> {
    const onLine = this.#options.onLine ?? (() => undefined);
    const onDied = this.#options.onDied ?? (() => undefined);
    const supervised = new SupervisedProcess({ name, command, args, env, isReady, onLine, onDied });
    const entry = { name, process: supervised };
    this.#options.signal?.throwIfAborted();
    this.#processes.push(entry);
    await supervised.start();
    return entry;
  }
}

const runFromSource: ServiceCommand = (kind) => [process.execPath, join(ROOT, "services", kind, "src/main.ts")];

/** Whether something at the port answers `question` with `expected`. */
function answers(port: number, question: string, expected: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    const finish = (isReady: boolean): void => {
      socket.destroy();
      resolve(isReady);
    };
    socket.setTimeout(1000, () => finish(false));
    socket.once("connect", () => socket.write(question));
    socket.once("error", () => finish(false));
    socket.once("data", (data) => finish(data.toString().startsWith(expected)));
  });
}
