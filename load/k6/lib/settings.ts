/** What a run is told by its environment: `npm run load` sets it, and by hand `k6 run -e NAME=value` does. */

/** Controls of the bot processes. */
export const BOT_URLS = list("CATION_BOTS", "http://127.0.0.1:9100");
/** Signal nodes. */
export const SIGNAL_URLS = list("CATION_SIGNALS", "http://127.0.0.1:8080");
/** host:port of islb nodes, for the calls over gRPC. */
export const ISLB_ADDRESSES = list("CATION_ISLBS", "127.0.0.1:7100");
/** Names of rooms begin with it, so that runs on one cluster do not meet. */
export const ROOM = text("CATION_ROOM", "load");
/** Of a bot's camera; of all its encodings together where it sends simulcast. */
export const VIDEO_BPS = count("CATION_VIDEO_BPS", 300_000);
/** How long everybody stays once all are there. */
export const HOLD_SECONDS = count("CATION_HOLD_SECONDS", 20);

/** A number that a scenario reads with a default of its own. */
export function count(name: string, fallback: number): number {
  const given = __ENV[name];
  if (given === undefined || given === "") return fallback;
  const number = Number(given);
  if (!Number.isFinite(number) || number < 0) throw new Error(`${name}=${given} is not a number from 0 up`);
  return number;
}

function text(name: string, fallback: string): string {
  const given = __ENV[name];
  return given === undefined || given === "" ? fallback : given;
}

function list(name: string, fallback: string): string[] {
  return text(name, fallback).split(",");
}
