import type { SupervisedProcess } from "../../scripts/supervised-process.ts";
import { delay } from "./chaos-run.ts";
import type { ChaosResult, ChaosRun } from "./chaos-run.ts";

const OUTAGE_MS = 60_000;
const FREEZE_MS = 20_000;

/** What is done to the cluster, by name. `publisher`: to the publisher's node instead of one with viewers only. */
export const SCENARIOS: Readonly<Record<string, (run: ChaosRun, publisher: boolean) => Promise<ChaosResult>>> = {
  "kill-sfu": (run, publisher) => onNode(run, publisher, (node) => node.kill()),
  // Frozen for good: nothing is reset, nothing answers.
  "hang-sfu": (run, publisher) => onNode(run, publisher, async (node) => node.signal("SIGSTOP")),
  "freeze-sfu": (run, publisher) =>
    onNode(run, publisher, async (node) => {
      node.signal("SIGSTOP");
      await delay(FREEZE_MS);
      node.signal("SIGCONT");
    }),
  drain: (run, publisher) => onNode(run, publisher, (node) => node.stop()),
  rolling: (run) => {
    const { sfus, signals, islbs } = run.cluster;
    return run.measure(
      sfus.map(({ nodeId }) => nodeId),
      async () => {
        for (const { process } of [...sfus, ...signals, ...islbs]) {
          await process.stop();
          await process.start();
          await delay(2_000);
        }
      },
    );
  },
  "kill-islb": (run) => onPart(run, run.cluster.islbs[0]?.process),
  "kill-signal": (run) => onPart(run, run.cluster.signals[0]?.process),
  "redis-outage": (run) => outage(run, run.cluster.redis.process),
  "nats-outage": (run) => outage(run, run.cluster.nats.process),
};

async function onNode(
  run: ChaosRun,
  publisher: boolean,
  fault: (node: SupervisedProcess) => Promise<void>,
): Promise<ChaosResult> {
  const publisherNode = await run.publisherNode();
  const victim = run.cluster.sfus.find(({ nodeId }) => (nodeId === publisherNode) === publisher);
  if (!victim) throw new Error("there is no such node");
  return run.measure([victim.nodeId], () => fault(victim.process));
}

function onPart(run: ChaosRun, part: SupervisedProcess | undefined): Promise<ChaosResult> {
  return run.measure([], async () => part?.kill());
}

/** Redis comes back without its data, since it keeps none on disk. */
function outage(run: ChaosRun, part: SupervisedProcess): Promise<ChaosResult> {
  return run.measure([], async () => {
    await part.kill();
    await delay(OUTAGE_MS);
    await part.start();
    await delay(15_000);
  });
}
