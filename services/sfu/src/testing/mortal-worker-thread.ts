import { parentPort } from "node:worker_threads";
import "../workers/worker-thread.ts";

/** A worker's thread that has a bug: it throws what it is told, where nobody catches it. */
parentPort?.on("message", (message) => {
  throw new Error(String(message));
});
