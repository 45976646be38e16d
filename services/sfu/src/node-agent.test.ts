import type { ReportNodeRequest, ReportNodeResponse } from "@cation/proto/islb/v1/islb";
import type { NodeLoad } from "@cation/proto/state/v1/state";
import { CodedError } from "@cation/service-kit/coded-error";
import { createLogger } from "@cation/service-kit/logger";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { describe, expect, it } from "vitest";
import { NodeAgent } from "./node-agent.ts";

const LOAD: NodeLoad = {
  stress: 0.1,
  cpu: 0.1,
  packetsPerSecond: 0,
  egressBps: 0,
  participants: 0,
  rooms: 0,
  tracks: 0,
};

class FakeIslb {
  readonly reports: ReportNodeRequest[] = [];
  readonly removed: string[] = [];
  mode: "up" | "down" | "silent" = "up";

  reportNode(request: ReportNodeRequest): Promise<ReportNodeResponse> {
    this.reports.push(request);
    if (this.mode === "silent") return new Promise(() => undefined);
    if (this.mode === "down") return Promise.reject(new CodedError("ISLB_UNAVAILABLE"));
    return Promise.resolve({ leaseMs: 3_000, staleRoomIds: ["r"], nodes: [], corrections: [] });
  }

  removeNode({ nodeId }: { nodeId: string }): Promise<object> {
    this.removed.push(nodeId);
    return Promise.resolve({});
  }
}

function setUp() {
  const clock = new VirtualClock();
  const islb = new FakeIslb();
  const stale: string[][] = [];
  const agent = new NodeAgent({
    identity: {
      nodeId: "a",
      region: "eu",
      grpcAddress: "127.0.0.1:1",
      capacity: undefined,
      startedAtMs: 1,
      version: "0",
    },
    islb,
    clock,
    logger: createLogger({ service: "sfu", level: "silent" }),
    measure: () =>
      Promise.resolve({ load: LOAD, rooms: [{ roomId: "r", epoch: 1, version: 2, participantIds: ["p"] }] }),
    onReported: (response) => stale.push(response.staleRoomIds),
  });
  return { clock, islb, agent, stale };
}

describe("NodeAgent", () => {
  it("reports what the node carries, twice a second", async () => {
    const { clock, islb, agent, stale } = setUp();
    await agent.start();
    expect(agent.registered).toBe(true);
    await clock.advanceAsync(3_000);
    expect(islb.reports).toHaveLength(7);
    expect(islb.reports[0]).toMatchObject({
      node: { nodeId: "a", region: "eu", load: LOAD, draining: false },
      rooms: [{ roomId: "r", participantIds: ["p"] }],
    });
    expect(stale).toHaveLength(7);
    await agent.stop();
  });

  it("tries ever more slowly while islb is away, and registers again when it is back", async () => {
    const { clock, islb, agent } = setUp();
    islb.mode = "down";
    await agent.start();
    expect(agent.registered).toBe(false);
    await clock.advanceAsync(60_000);
    const tries = islb.reports.length;
    expect(tries).toBeGreaterThan(8);
    expect(tries).toBeLessThan(40);
    islb.mode = "up";
    await clock.advanceAsync(5_000);
    expect(agent.registered).toBe(true);
    await clock.advanceAsync(2_000);
    expect(islb.reports.length).toBeGreaterThan(tries + 2);
    await agent.stop();
  });

  it("does not wait for ever for an answer, nor believe in a lease that ran out", async () => {
    const { clock, islb, agent } = setUp();
    await agent.start();
    islb.mode = "silent";
    await clock.advanceAsync(2_500);
    expect(agent.registered).toBe(true);
    await clock.advanceAsync(2_000);
    expect(agent.registered).toBe(false);
    expect(islb.reports.length).toBeGreaterThan(2);
    islb.mode = "up";
    await clock.advanceAsync(5_000);
    expect(agent.registered).toBe(true);
    await agent.stop();
  });

  it("says at once that it drains, and ends its lease when it stops", async () => {
    const { clock, islb, agent } = setUp();
    await agent.start();
    await agent.setDraining();
    expect(islb.reports.at(-1)?.node?.draining).toBe(true);
    await agent.stop();
    await agent.stop();
    expect(islb.removed).toEqual(["a"]);
    await clock.advanceAsync(10_000);
    expect(islb.reports).toHaveLength(2);
    expect(clock.pendingTimers).toBe(0);
  });
});
