import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { joinRequest, SignalFixture } from "./testing/signal-fixture.ts";
import { outcome } from "./testing/test-client.ts";

let fixture: SignalFixture;
let webRoot: string;

beforeEach(async () => {
  webRoot = mkdtempSync(join(tmpdir(), "cation-web-"));
  mkdirSync(join(webRoot, "assets"));
  writeFileSync(join(webRoot, "index.html"), "<title>cation</title>");
  writeFileSync(join(webRoot, "assets/app-1a2b.js"), "export {};");
});

afterEach(async () => {
  await fixture.signal.close();
  rmSync(webRoot, { recursive: true });
});

const get = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`http://127.0.0.1:${fixture.signal.port}${path}`, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
};

const post = (body: string, headers: Record<string, string> = {}) =>
  get("/dev/token", { method: "POST", body, headers: { "content-type": "application/json", ...headers } });

test("the web app: its files, its page for every other path, and headers that keep it safe", async () => {
  fixture = await SignalFixture.start({ webRoot });
  const page = await get("/");
  expect(page.text).toContain("cation");
  expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  expect(page.headers.get("x-content-type-options")).toBe("nosniff");
  expect(page.headers.get("cache-control")).toBe("no-cache");
  const asset = await get("/assets/app-1a2b.js");
  expect([asset.status, asset.headers.get("cache-control")]).toEqual([200, "public, max-age=31536000, immutable"]);
  expect((await get("/room/blue", { headers: { accept: "text/html" } })).text).toContain("cation");
  expect(await get("/assets/none.js")).toMatchObject({ status: 404, text: expect.stringContaining('"code"') });
  expect((await get("/..%2f..%2fetc/passwd")).status).toBe(404);
});

test("in development, a token for whoever asks, pages of other machines excepted", async () => {
  fixture = await SignalFixture.start();
  const response = await post('{"room":"blue","identity":"ada","name":"Ada"}', { origin: "http://localhost:5173" });
  expect(response.headers.get("access-control-allow-origin")).toBe("http://localhost:5173");
  const { token, expiresAtMs } = JSON.parse(response.text) as { token: string; expiresAtMs: number };
  expect(expiresAtMs - fixture.clock.nowMs()).toBe(6 * 3_600_000);
  const client = await fixture.connect();
  expect(outcome(await client.request(joinRequest(token)))).toBe("joined");

  const foreign = await post('{"room":"blue","identity":"ada"}', { origin: "https://evil.example.org" });
  expect(foreign.headers.get("access-control-allow-origin")).toBeNull();
  for (const body of ['{"room":"","identity":"ada"}', '{"room":"blue"}', "[]", "{", '"x"']) {
    expect(await post(body)).toMatchObject({ status: 400, text: expect.stringContaining("MESSAGE_MALFORMED") });
  }
});

test("in production there is no such route", async () => {
  const apiKeys = ["mine:0123456789abcdef0123456789abcdef"];
  fixture = await SignalFixture.start({ mode: "production", apiKeys });
  expect((await post('{"room":"blue","identity":"ada"}')).status).toBe(404);
});

test("health, readiness and metrics, also on a port of their own", async () => {
  fixture = await SignalFixture.start();
  await fixture.joined();
  expect((await get("/healthz")).text).toContain('"signal"');
  expect((await get("/readyz")).status).toBe(200);
  const { text } = await get("/metrics");
  expect(text).toContain('cation_signal_connections{service="signal"} 1');
  expect(text).toContain('cation_signal_requests_total{kind="join",code="OK",service="signal"} 1');
  expect(text).toMatch(/cation_signal_join_duration_seconds_bucket\{.*le="\+Inf".*\} 1/);
  await fixture.signal.close();

  fixture = await SignalFixture.start({ adminPort: 0 });
  expect((await get("/metrics")).status).toBe(404);
  const admin = await fetch(`http://127.0.0.1:${fixture.signal.adminPort}/metrics`);
  expect(admin.status).toBe(200);
});
