import { afterAll, beforeAll, expect, test } from "vitest";
import { Bots } from "./harness/bots.ts";
import { TestCluster } from "./harness/cluster.ts";
import { TraceCollector } from "./harness/trace-collector.ts";
import type { CollectedSpan } from "./harness/trace-collector.ts";

let collector: TraceCollector;
let cluster: TestCluster;

beforeAll(async () => {
  collector = await TraceCollector.start();
  const { endpoint } = collector;
  cluster = await TestCluster.start({
    signals: 1,
    islbs: 1,
    env: {
      signal: { CATION_SIGNAL_TRACE_ENDPOINT: endpoint, CATION_SIGNAL_LOG_LEVEL: "debug" },
      islb: { CATION_ISLB_TRACE_ENDPOINT: endpoint, CATION_ISLB_LOG_LEVEL: "debug", CATION_ISLB_LOG_FORMAT: "json" },
      sfu: { CATION_SFU_TRACE_ENDPOINT: endpoint },
    },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await collector?.stop();
});

/** The second join, once it has got a picture. */
function findJoin(): CollectedSpan | undefined {
  const joins = collector.spans.filter(({ name }) => name === "join").toSorted((a, b) => a.startMs - b.startMs);
  return joins.slice(1).find(({ traceId }) => collector.find(traceId, "first keyframe sent") !== undefined);
}

test("one trace follows a join from the WebSocket over islb and sfu to the first picture", async () => {
  const room = { url: cluster.signalUrl(0), room: "traced", count: 1 };
  const first = new Bots({ ...room, identity: "ada", nodeId: "sfu-1" });
  await expect.poll(() => collector.spans.some(({ name }) => name === "join"), { timeout: 20_000 }).toBe(true);
  const second = new Bots({ ...room, identity: "grace", nodeId: "sfu-2" });
  await expect.poll(findJoin, { timeout: 30_000 }).toBeDefined();
  await Promise.all([first.finish(), second.finish()]);
  const join = findJoin();
  if (join === undefined) throw new Error("no join");
  const pathTo = (name: string): string[] | undefined => {
    const spans = collector.spans.filter((one) => one.traceId === join.traceId && one.name === name);
    // A call has a span at each end: the called one is the longer way from the root.
    return spans.map((span) => collector.pathOf(span)).toSorted((a, b) => b.length - a.length)[0];
  };

  const session = ["cation-sfu: session", "cation-signal: join"];
  const islbJoin = "cation.islb.v1.IslbService/Join";
  const steps: Record<string, string[]> = {
    [islbJoin]: [`cation-islb: ${islbJoin}`, `cation-signal: ${islbJoin}`, "cation-signal: join"],
    "store join": [
      "cation-islb: store join",
      `cation-islb: ${islbJoin}`,
      `cation-signal: ${islbJoin}`,
      "cation-signal: join",
    ],
    session,
    "subscriber connection": ["cation-sfu: subscriber connection", ...session],
    "publisher connection": ["cation-sfu: publisher connection", ...session],
    "first rtp received": ["cation-sfu: first rtp received", ...session],
    "first keyframe received": ["cation-sfu: first keyframe received", ...session],
    "first rtp sent": ["cation-sfu: first rtp sent", ...session],
    "first keyframe sent": ["cation-sfu: first keyframe sent", ...session],
  };
  await expect
    .poll(() => Object.fromEntries(Object.keys(steps).map((name) => [name, pathTo(name)])), { timeout: 15_000 })
    .toEqual(steps);
  // The other node hears of it over NATS.
  const events = (): string[][] =>
    collector.spans
      .filter(({ traceId, name }) => traceId === join.traceId && name === "room event")
      .map((span) => collector.pathOf(span));
  await expect.poll(events, { timeout: 15_000 }).toContainEqual(["cation-sfu: room event", ...(steps[islbJoin] ?? [])]);
  for (const { startMs, endMs } of collector.spans) expect(endMs).toBeGreaterThanOrEqual(startMs);
  expect(join.parentSpanId).toBe("");
  // Never a span a packet: two joins with seconds of media are some dozens.
  expect(collector.spans.length).toBeLessThan(200);
  // Log lines of the join carry its number.
  expect(cluster.log.matching(new RegExp(join.traceId))).not.toEqual([]);
});
