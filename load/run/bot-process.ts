import { join } from "node:path";
import type { ProcessHealth } from "../bots/process-health.ts";
import type { SamplePage } from "../bots/sample-log.ts";
import { FreePorts } from "../../scripts/free-ports.ts";
import { SupervisedProcess } from "../../scripts/supervised-process.ts";

const SERVE = join(import.meta.dirname, "../bots/serve.ts");
/** Addresses of their reports and samples; a socket pair a peer connection adds up. */
const NODE_OPTIONS = ["--max-semi-space-size=32"];

/** A running process of bots. */
export interface BotProcess {
  readonly name: string;
  readonly url: string;
  readonly process: SupervisedProcess;
  samples(cursor: number): Promise<SamplePage>;
  health(): Promise<ProcessHealth>;
}

/** Starts so many processes of bots. */
export function startBotProcesses(count: number, onLine: (name: string, line: string) => void): Promise<BotProcess[]> {
  const ports = new FreePorts();
  return Promise.all(Array.from({ length: count }, (_, index) => startOne(`bots-${index + 1}`, ports, onLine)));
}

async function startOne(
  name: string,
  ports: FreePorts,
  onLine: (name: string, line: string) => void,
): Promise<BotProcess> {
  const port = await ports.take();
  const url = `http://127.0.0.1:${port}`;
  const started = new SupervisedProcess({
    name,
    command: process.execPath,
    args: [...NODE_OPTIONS, SERVE, "--port", String(port), "--name", name],
    env: {},
    isReady: async () => (await fetch(`${url}/health`)).ok,
    onLine,
    onDied: (who, how) => onLine(who, `ended by itself: ${how}`),
  });
  await started.start();
  const get = async <T>(path: string): Promise<T> => (await fetch(`${url}${path}`)).json() as Promise<T>;
  return {
    ...{ name, url, process: started },
    samples: (cursor) => get<SamplePage>(`/samples?after=${cursor}`),
    health: () => get<ProcessHealth>("/health"),
  };
}
