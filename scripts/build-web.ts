/** Builds apps/web into apps/web/dist, unless nothing changed since the last time. Quiet, and needs no network. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isMain } from "./is-main.ts";

const root = join(import.meta.dirname, "..");

/** Where the built web app is. */
export const WEB_ROOT = join(root, "apps/web/dist");

/** After this long the user is told what takes so long. */
const PATIENCE_MS = 1500;

/** Builds the web app where needed. Rejects with the build's output. */
export async function buildWeb(print: (line: string) => void): Promise<void> {
  const isFirst = !existsSync(join(WEB_ROOT, "index.html"));
  if (isFirst) print("Building the web app. Once; later starts build only what changed.");
  const timer = setTimeout(() => isFirst || print("The web app changed, building it…"), PATIENCE_MS);
  try {
    await run("turbo", ["run", "build", "--filter=@cation/web", "--output-logs=errors-only"]);
  } finally {
    clearTimeout(timer);
  }
}

function run(command: string, args: string[]): Promise<void> {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };
  const child = spawn(join(root, "node_modules/.bin", command), args, {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(new Error("The web app cannot be built. Run `npm install` first.", { cause: error })),
    );
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`The web app cannot be built:\n${Buffer.concat(output).toString()}`));
    });
  });
}

if (isMain(import.meta.url)) {
  await buildWeb((line) => console.log(line)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
