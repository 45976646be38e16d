/**
 * Signalling alone, by k6's own WebSockets and the JSON form of the protocol: a storm of joins, then churn, in which each
 * comes, asks, loses its connection, resumes its session by another node, and leaves.
 */
import { check } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter, Trend } from "k6/metrics";
import type { Options } from "k6/options";
import { clearTimeout, setTimeout } from "k6/timers";
import { WebSocket } from "k6/websockets";
import { count, HOLD_SECONDS, ROOM, SIGNAL_URLS } from "./lib/settings.ts";

const STORM = count("CATION_VIEWERS", 100);
const STORM_PER_SECOND = count("CATION_JOINS_PER_SECOND", 50);
const CHURN_PER_SECOND = count("CATION_CHURN_PER_SECOND", 10);
const STORM_SECONDS = Math.ceil(STORM / STORM_PER_SECOND);
const PINGS = 3;
/** An iteration that hangs longer is lost. */
const DEADLINE_MS = 15_000;

/** k6 has no argument for the sub-protocol yet. */
const JSON_FORM = { headers: { "Sec-WebSocket-Protocol": "cation.v1.json" } };

const joinMs = new Trend("signal_join_ms", true);
const resumeMs = new Trend("signal_resume_ms", true);
const requestMs = new Trend("signal_request_ms", true);
const errors = new Counter("signal_errors");
const finished = new Counter("signal_finished");

export const options: Options = {
  scenarios: {
    storm: {
      executor: "constant-arrival-rate",
      exec: "visit",
      rate: STORM_PER_SECOND,
      timeUnit: "1s",
      duration: `${STORM_SECONDS}s`,
      preAllocatedVUs: 2 * STORM_PER_SECOND,
      maxVUs: 500,
      gracefulStop: "20s",
    },
    churn: {
      executor: "constant-arrival-rate",
      exec: "visit",
      rate: CHURN_PER_SECOND,
      timeUnit: "1s",
      startTime: `${STORM_SECONDS}s`,
      duration: `${HOLD_SECONDS}s`,
      preAllocatedVUs: 2 * CHURN_PER_SECOND,
      maxVUs: 200,
      gracefulStop: "20s",
    },
  },
  thresholds: {
    signal_join_ms: ["p(95)<=1000"],
    signal_resume_ms: ["p(95)<=1000"],
    signal_request_ms: ["p(95)<=300"],
    signal_errors: ["count==0"],
    signal_finished: [`count>=${STORM + CHURN_PER_SECOND * HOLD_SECONDS - 2}`],
    dropped_iterations: ["count==0"],
    checks: ["rate==1"],
  },
};

/** k6 has it; its types leave it to those of browsers. */
declare const console: { error(text: string): void };

/** Counts, and says what it was: k6 shows no tags in its summary. */
function fail(code: string): void {
  errors.add(1, { code });
  console.error(code);
}

interface Answer {
  readonly response?: {
    readonly requestId: number;
    readonly joined?: { readonly sessionToken: string; readonly eventSequence?: string };
    readonly error?: { readonly code: string };
  };
}

/** One who comes, looks round, is cut off, comes back and goes. */
export function visit(): void {
  const turn = exec.scenario.iterationInTest;
  const url = SIGNAL_URLS[turn % SIGNAL_URLS.length];
  const other = SIGNAL_URLS[(turn + 1) % SIGNAL_URLS.length];
  const identity = `guest-${exec.vu.idInTest}-${exec.vu.iterationInInstance}`;
  const body = JSON.stringify({ room: `${ROOM}-${turn % 10}`, identity });
  const headers = { "content-type": "application/json" };
  const minted = http.post(`${url}/dev/token`, body, { headers, tags: { name: "token" } });
  if (!check(minted, { "a token is minted": ({ status }) => status === 200 })) return;
  const token = String(minted.json("token"));
  const join = { join: { token, region: "", nodeId: "", autoSubscribe: false } };
  converse(url, join, joinMs, (joined) => {
    const resume = {
      resume: { sessionToken: joined.sessionToken, token, lastEventSequence: joined.eventSequence ?? "0" },
    };
    converse(other, resume, resumeMs, undefined);
  });
}

/** Opens a connection, says `first`, asks a few things, and hangs up (`then` goes on) or leaves. */
function converse(
  url: string,
  first: object,
  answered: Trend,
  then: ((joined: { readonly sessionToken: string; readonly eventSequence?: string }) => void) | undefined,
): void {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/rtc`, null, JSON_FORM);
  const startedAtMs = Date.now();
  let askedAtMs = startedAtMs;
  let requestId = 0;
  let hungUp = false;
  let joined: { readonly sessionToken: string; readonly eventSequence?: string } | undefined;
  const hangUp = (): void => {
    hungUp = true;
    socket.close();
  };
  const deadline = setTimeout(() => {
    fail("TIMED_OUT");
    hangUp();
  }, DEADLINE_MS);
  const ask = (request: object): void => {
    askedAtMs = Date.now();
    socket.send(JSON.stringify({ requestId: ++requestId, ...request }));
  };
  socket.onopen = () => ask(first);
  // A ping that crosses the hanging up cannot be answered any more.
  socket.onerror = (event) => {
    if (!hungUp) fail(String(event?.error));
  };
  socket.onclose = () => clearTimeout(deadline);
  socket.onmessage = (event) => {
    const { response } = JSON.parse(String(event?.data)) as Answer;
    if (response?.requestId !== requestId) return;
    if (response.error) fail(response.error.code);
    if (requestId === 1) {
      joined = response.joined;
      answered.add(Date.now() - startedAtMs);
    } else {
      requestMs.add(Date.now() - askedAtMs);
    }
    if (requestId === 1) return ask({ getRoster: { after: "", limit: 50 } });
    if (requestId <= PINGS) return ask({ ping: {} });
    if (!then && requestId === PINGS + 1) return ask({ leave: {} });
    hangUp();
    if (!then) finished.add(1);
    else if (joined) then(joined);
  };
}
