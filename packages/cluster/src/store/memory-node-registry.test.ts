import { describe } from "vitest";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { MemoryNodeRegistry } from "./memory-node-registry.ts";
import { nodeRegistryContract } from "./node-registry.contract.ts";

describe("node registry in memory", () => {
  nodeRegistryContract(() => {
    const clock = new VirtualClock();
    const registry = new MemoryNodeRegistry(clock);
    return Promise.resolve({
      registry,
      advance: (durationMs) => clock.advanceAsync(durationMs),
      close: () => registry.close(),
    });
  });
});
