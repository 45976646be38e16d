/** The calls that clients and services make besides the WebSocket: HTTP of signal, gRPC of islb. */
import { check } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter, Trend } from "k6/metrics";
import { Client, StatusNotFound, StatusOK } from "k6/net/grpc";
import type { Options } from "k6/options";
import { count, HOLD_SECONDS, ISLB_ADDRESSES, ROOM, SIGNAL_URLS } from "./lib/settings.ts";

const PER_SECOND = count("CATION_CALLS_PER_SECOND", 50);

const grpcMs = new Trend("islb_call_ms", true);
const failures = new Counter("api_failures");

export const options: Options = {
  scenarios: {
    rest: paced("rest"),
    islb: paced("islb"),
  },
  thresholds: {
    "http_req_duration{name:token}": ["p(95)<=200"],
    "http_req_duration{name:ready}": ["p(95)<=100"],
    "islb_call_ms{method:ListNodes}": ["p(95)<=100"],
    "islb_call_ms{method:GetRoom}": ["p(95)<=100"],
    api_failures: ["count==0"],
    checks: ["rate==1"],
    dropped_iterations: ["count==0"],
  },
};

function paced(name: string) {
  return {
    executor: "constant-arrival-rate" as const,
    exec: name,
    rate: PER_SECOND,
    timeUnit: "1s",
    duration: `${HOLD_SECONDS}s`,
    preAllocatedVUs: 10,
    maxVUs: 100,
  };
}

export function rest(): void {
  const url = SIGNAL_URLS[exec.scenario.iterationInTest % SIGNAL_URLS.length];
  const body = JSON.stringify({ room: ROOM, identity: `caller-${exec.scenario.iterationInTest}` });
  const headers = { "content-type": "application/json" };
  const answers = http.batch([
    ["POST", `${url}/dev/token`, body, { headers, tags: { name: "token" } }],
    ["GET", `${url}/readyz`, null, { tags: { name: "ready" } }],
  ]);
  const right = check(answers, { "HTTP calls are answered": (all) => all.every(({ status }) => status === 200) });
  if (!right) failures.add(1, { call: "http" });
}

const client = new Client();
client.load(["../../proto"], "cation/islb/v1/islb.proto");
let connected = false;

export function islb(): void {
  if (!connected) client.connect(ISLB_ADDRESSES[exec.vu.idInTest % ISLB_ADDRESSES.length], { plaintext: true });
  connected = true;
  call("ListNodes", {}, StatusOK);
  // Of a room that nobody is in: the store is asked, and says so.
  call("GetRoom", { roomId: `${ROOM}-nobody` }, StatusNotFound);
}

function call(method: string, request: object, expected: number): void {
  const startedAtMs = Date.now();
  const { status } = client.invoke(`cation.islb.v1.IslbService/${method}`, request);
  grpcMs.add(Date.now() - startedAtMs, { method });
  if (status !== expected) failures.add(1, { call: method, status: String(status) });
}
