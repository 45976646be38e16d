import { Counter } from "prom-client";
import { expect, test } from "vitest";
import { createAdminServer } from "./admin-server.ts";
import { createLogger } from "./logger.ts";
import { createMetricsRegistry, createProcessRegistry } from "./metrics.ts";

const logger = createLogger({ service: "test", level: "silent" });

test("liveness, readiness with reasons, and metrics of several registries", async () => {
  const registries = [createMetricsRegistry("signal"), createMetricsRegistry("sfu"), createProcessRegistry()];
  for (const registry of registries.slice(0, 2)) {
    new Counter({ name: "cation_joins_total", help: "Joins.", registers: [registry] }).inc(2);
  }
  let reason: string | undefined = "no answer for 3 s";
  const server = createAdminServer({
    service: "signal",
    host: "127.0.0.1",
    port: 0,
    logger,
    registries,
    readiness: { islb: () => reason, draining: () => undefined },
    info: () => ({ mediaBackend: "typescript" }),
  });
  const base = `http://127.0.0.1:${await server.start()}`;
  const get = async (path: string) => {
    const response = await fetch(base + path);
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
  };

  expect(await get("/readyz")).toMatchObject({ status: 503, text: expect.stringContaining("no answer for 3 s") });
  expect(await get("/healthz")).toMatchObject({ status: 200, text: expect.stringContaining("typescript") });
  reason = undefined;
  expect(await get("/readyz")).toMatchObject({ status: 200 });
  const metrics = await get("/metrics");
  expect(metrics.type).toContain("text/plain");
  expect(metrics.text).toContain('cation_joins_total{service="sfu"} 2');
  expect(metrics.text).toContain("process_cpu_seconds_total");
  await server.close();
  await server.close();
});

test("a port in use is said in words", async () => {
  const options = { service: "x", host: "127.0.0.1", logger, registries: [], readiness: {} };
  const first = createAdminServer({ ...options, port: 0 });
  const port = await first.start();
  const second = createAdminServer({ ...options, port });
  await expect(second.start()).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: `Port ${port} on 127.0.0.1 is in use. Stop what uses it, or choose another port.`,
  });
  await second.close();
  await first.close();
});
