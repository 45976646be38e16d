import { defineConfig } from "vitest/config";

/**
 * Three projects, quickest first:
 * unit      – codecs, engine, simulations; needs nothing but Node
 * contract  – adapters against the real server they speak to (redis-server, nats-server)
 * e2e       – whole system, real processes, real Chromium
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{packages,services,apps,load,scripts,fuzz}/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/*.real.test.ts", "test/e2e/**"],
          pool: "threads",
          isolate: false,
          // Nothing in them waits; the bound is for what hangs, on machines however busy.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "contract",
          include: ["{packages,services}/**/*.real.test.ts"],
          exclude: ["**/node_modules/**"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: ["**/node_modules/**"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          pool: "forks",
        },
      },
    ],
  },
});
