import type { MessagePort } from "node:worker_threads";
import { structuredMessage } from "@cation/cluster/rpc/structured-message";
import { LinkDown } from "@cation/proto/relay/v1/relay";
import type { LinkUp } from "@cation/proto/relay/v1/relay";
import type { LogLevel } from "@cation/service-kit/logger";
import type { SfuConfig } from "../sfu-config.ts";
import type { RoomHealing, WorkerFacts, WorkerReport } from "../sfu-worker.ts";

type Nothing = Record<string, never>;

/** What the main thread asks of a worker's thread, beside its sessions and links. */
export interface WorkerControl {
  /** What was opened. CONFIG_INVALID where that failed. */
  open(request: Nothing): Promise<WorkerFacts>;
  start(request: Nothing): Promise<Nothing>;
  report(request: Nothing): Promise<WorkerReport>;
  heal(request: RoomHealing): Promise<Nothing>;
  setDraining(request: Nothing): Promise<Nothing>;
  close(request: Nothing): Promise<Nothing>;
}

const nothing = structuredMessage<Nothing>();

function unary<Request, Response>(name: string, requestType: Request, responseType: Response) {
  return { name, requestType, requestStream: false, responseType, responseStream: false } as const;
}

export const WorkerControlDefinition = {
  name: "WorkerControl",
  fullName: "cation.threads.WorkerControl",
  methods: {
    open: unary("Open", nothing, structuredMessage<WorkerFacts>()),
    start: unary("Start", nothing, nothing),
    report: unary("Report", nothing, structuredMessage<WorkerReport>()),
    heal: unary("Heal", structuredMessage<RoomHealing>(), nothing),
    setDraining: unary("SetDraining", nothing, nothing),
    close: unary("Close", nothing, nothing),
  },
} as const;

/** The first message of a dialled link: which node it leads to. */
export interface Dial {
  readonly nodeId: string;
}

/** A worker's relay link to another node, by way of the main thread, which has the connections. */
export const RelayDialDefinition = {
  name: "RelayDial",
  fullName: "cation.threads.RelayDial",
  methods: {
    dial: {
      name: "Dial",
      requestType: structuredMessage<Dial | LinkUp>(),
      requestStream: true,
      responseType: LinkDown,
      responseStream: true,
    },
  },
} as const;

/** What a worker's thread is given. */
export interface WorkerThreadData {
  /** On which it serves the main thread … */
  readonly calls: MessagePort;
  /** … and on which the main thread serves it. */
  readonly upstream: MessagePort;
  readonly index: number;
  readonly nodeId: string;
  readonly config: SfuConfig;
  readonly mediaPort: number;
  readonly senderThreads: number;
  readonly logLevel: LogLevel;
}
