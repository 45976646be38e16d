import type { LocalCluster } from "../../scripts/local-cluster.ts";

const KINDS = ["kill", "stop", "start", "restart"] as const;

/** Something that is done to a process of the local cluster during a run. */
export interface Fault {
  /** kill: as a crash. stop: asked to drain and end. restart: stopped, and started again. */
  readonly what: (typeof KINDS)[number];
  /** "sfu-2", "signal-1", "redis" … */
  readonly process: string;
  /** Seconds after the start of the run. */
  readonly atSeconds: number;
}

/** Reads "kill:sfu-2@30". */
export function readFault(text: string): Fault {
  const match = /^(\w+):([\w-]+)@(\d+(?:\.\d+)?)$/.exec(text);
  const what = KINDS.find((kind) => kind === match?.[1]);
  if (!match || !what) throw new Error(`--fault ${text} is not WHAT:NODE@SECONDS with ${KINDS.join(", ")}.`);
  return { what, process: match[2], atSeconds: Number(match[3]) };
}

/** Does what was planned, when its time has come, and notes it. Returns what calls off the rest. */
export function scheduleFaults(
  faults: readonly Fault[],
  cluster: LocalCluster,
  note: (text: string) => void,
): () => void {
  const missing = faults.find((fault) => !cluster.processes.some(({ name }) => name === fault.process));
  if (missing) throw new Error(`--fault: there is no ${missing.process} in this cluster.`);
  const timers = faults.map((fault) =>
    setTimeout(() => {
      inflict(fault, cluster, note).catch((error: unknown) =>
        note(`${fault.what} ${fault.process} failed: ${String(error)}`),
      );
    }, fault.atSeconds * 1_000),
  );
  return () => timers.forEach((timer) => clearTimeout(timer));
}

async function inflict({ what, process }: Fault, cluster: LocalCluster, note: (text: string) => void): Promise<void> {
  const target = cluster.processes.find(({ name }) => name === process)?.process;
  if (!target) return;
  switch (what) {
    case "kill":
      note(`${process} killed`);
      return target.kill();
    case "stop":
      note(`${process} asked to stop`);
      await target.stop();
      return note(`${process} stopped`);
    case "start":
      await target.start();
      return note(`${process} started`);
    case "restart":
      note(`${process} asked to stop`);
      await target.stop();
      await target.start();
      return note(`${process} is back`);
  }
}
