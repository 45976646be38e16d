/**
 * `npm run check:image [-- --keep]`: performs the steps of deploy/images/Dockerfile in a plain folder, for machines
 * without a container engine: copies what git holds, prunes it, installs production dependencies, builds the addon,
 * starts each service through the image's entrypoint (as root: as the image's user, with files that it may not write),
 * asks /healthz with the image's health check, and sends SIGTERM, on which it must exit with 0.
 *
 * Redis, NATS and islb are away meanwhile: /healthz must answer all the same. Then two bots call each other over a
 * cluster made of the folder, and over one in a container FROM scratch where buildah and runc are (and the user is root).
 * The last line is one JSON object.
 */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  accessSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FreePorts } from "./free-ports.ts";
import { callOverImage } from "./image/image-call.ts";
import { ScratchContainer } from "./image/scratch-container.ts";
import type { ServiceCommand } from "./local-cluster.ts";
import { isMain } from "./is-main.ts";

const ROOT = join(import.meta.dirname, "..");
/** The image's user. */
const USER = 10_001;
const START_PATIENCE_MS = 60_000;
const STOP_PATIENCE_MS = 20_000;

/** One service, as it is run from the folder. */
interface Candidate {
  readonly service: "signal" | "islb" | "sfu";
  readonly adminPort: number;
  readonly env: Readonly<Record<string, string>>;
}

/** What was seen of a service. */
interface Finding {
  readonly service: string;
  readonly health: Readonly<Record<string, unknown>>;
  /** Status of /readyz while Redis, NATS and islb are away. */
  readonly readyStatus: number;
  readonly startMs: number;
  readonly exitCode: number | null;
}

/** Copies what git knows (also what is changed or new), never what is built or installed. */
function copySources(target: string): void {
  const names = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], { cwd: ROOT });
  for (const name of names.toString().split("\0")) {
    const source = join(ROOT, name);
    if (name === "" || !existsSync(source)) continue;
    mkdirSync(dirname(join(target, name)), { recursive: true });
    copyFileSync(source, join(target, name));
  }
}

/** A folder as npm's `nodedir` is: the addon's build finds Node's headers in it. */
function findNodeDirectory(folder: string): string {
  const installed = join(dirname(process.execPath), "..");
  if (existsSync(join(installed, "include/node/node_api.h"))) return installed;
  const cached = join(ROOT, "packages/media-io/native/build/include");
  if (!existsSync(cached)) throw new Error("Node's headers are nowhere to be found. Run `npm install` first.");
  const directory = join(folder, "nodedir");
  mkdirSync(join(directory, "include"), { recursive: true });
  symlinkSync(cached, join(directory, "include/node"));
  return directory;
}

/** The Dockerfile's build stage. */
function build(folder: string): string {
  const app = join(folder, "app");
  const bin = join(folder, "bin");
  copySources(app);
  mkdirSync(bin);
  copyFileSync(process.execPath, join(bin, "node"));
  const env = {
    PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    HOME: folder,
    npm_config_nodedir: findNodeDirectory(folder),
    npm_config_cache: process.env["npm_config_cache"] ?? join(process.env["HOME"] ?? folder, ".npm"),
  };
  const run = (command: string, ...args: string[]): void => {
    console.log(`$ ${[command, ...args].join(" ")}`);
    execFileSync(command, args, { cwd: app, env: { ...process.env, ...env }, stdio: ["ignore", "inherit", "inherit"] });
  };
  run("sh", "deploy/images/prune-source.sh");
  run("npm", "install", "--no-save", "--omit=dev", "--ignore-scripts");
  run("node", "packages/media-io/native/build.mjs", "--strict");
  rmSync(join(app, "packages/media-io/native/build/include"), { recursive: true, force: true });
  const web = join(ROOT, "apps/web/dist");
  if (existsSync(web)) cpSync(web, join(app, "apps/web/dist"), { recursive: true });
  run("chmod", "-R", "go=rX", folder);
  return app;
}

async function listCandidates(): Promise<Candidate[]> {
  const ports = new FreePorts();
  const [http, islbGrpc, islbAdmin, sfuGrpc, sfuAdmin, media, nobody] = await Promise.all(
    Array.from({ length: 7 }, () => ports.take()),
  );
  const away = `127.0.0.1:${nobody}`;
  const host = "127.0.0.1";
  return [
    {
      service: "signal",
      adminPort: Number(http),
      env: {
        CATION_SIGNAL_HTTP_HOST: host,
        CATION_SIGNAL_HTTP_PORT: String(http),
        CATION_SIGNAL_ISLB_ADDRESSES: away,
        CATION_SIGNAL_API_KEYS: `check:${randomBytes(24).toString("hex")}`,
      },
    },
    {
      service: "islb",
      adminPort: Number(islbAdmin),
      env: {
        CATION_ISLB_GRPC_HOST: host,
        CATION_ISLB_GRPC_PORT: String(islbGrpc),
        CATION_ISLB_ADMIN_HOST: host,
        CATION_ISLB_ADMIN_PORT: String(islbAdmin),
        CATION_ISLB_REDIS_URL: `redis://${away}`,
        CATION_ISLB_NATS_URLS: `nats://${away}`,
      },
    },
    {
      service: "sfu",
      adminPort: Number(sfuAdmin),
      env: {
        CATION_SFU_GRPC_HOST: host,
        CATION_SFU_GRPC_PORT: String(sfuGrpc),
        CATION_SFU_ADMIN_HOST: host,
        CATION_SFU_ADMIN_PORT: String(sfuAdmin),
        CATION_SFU_MEDIA_HOST: host,
        CATION_SFU_ISLB_ADDRESSES: away,
        CATION_SFU_NATS_URLS: `nats://${away}`,
        // What the chart sets in nodePort mode: the entrypoint works the port and the address out.
        POD_NAME: "check-sfu-0",
        SFU_MEDIA_PORT_BASE: String(media),
        SFU_ANNOUNCED_ADDRESS_PER_POD: host,
      },
    },
  ];
}

async function waitForHealth(url: string, child: ChildProcess): Promise<Record<string, unknown>> {
  const endMs = Date.now() + START_PATIENCE_MS;
  while (Date.now() < endMs) {
    if (child.exitCode !== null) throw new Error(`The service ended with status ${child.exitCode}.`);
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return (await response.json()) as Record<string, unknown>;
    await sleep(200);
  }
  throw new Error(`${url} did not answer within ${START_PATIENCE_MS / 1000} s.`);
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_PATIENCE_MS);
  child.kill("SIGTERM");
  const code = await ended;
  clearTimeout(timer);
  return code;
}

/** Starts one service as the image does, and looks at it from outside. */
async function check(folder: string, app: string, { service, adminPort, env }: Candidate): Promise<Finding> {
  const startedMs = Date.now();
  const path = `${join(folder, "bin")}:/usr/bin:/bin`;
  const asUser = process.getuid?.() === 0 ? { uid: USER, gid: USER } : {};
  const child = spawn("/bin/sh", [join(app, "deploy/images/entrypoint.sh"), service], {
    env: { PATH: path, NODE_ENV: "production", ...env },
    stdio: ["ignore", "ignore", "inherit"],
    ...asUser,
  });
  try {
    const base = `http://127.0.0.1:${adminPort}`;
    const health = await waitForHealth(`${base}/healthz`, child);
    const startMs = Date.now() - startedMs;
    const { status: readyStatus } = await fetch(`${base}/readyz`);
    // As the engine would: in the same environment, by the same user. Throws unless it says healthy.
    execFileSync(join(folder, "bin/node"), [join(app, "deploy/images/healthcheck.mjs"), String(child.pid)], {
      env: { PATH: path, ...env },
      ...asUser,
    });
    return { service, health, readyStatus, startMs, exitCode: await stop(child) };
  } finally {
    await stop(child);
  }
}

/** What is wrong with what was found. */
function findProblems(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ service, health, readyStatus, exitCode }) => {
    const problems: string[] = [];
    if (health["status"] !== "ok") problems.push(`${service}: /healthz says ${JSON.stringify(health)}`);
    if (exitCode !== 0) problems.push(`${service}: SIGTERM ended it with status ${exitCode}, not 0`);
    if (service === "sfu" && health["mediaBackend"] !== "native") problems.push("sfu: the native addon does not serve");
    // signal stays ready without islb, so that clients can resume; the others say that they may take no work.
    const expected = service === "signal" ? 200 : 503;
    if (readyStatus !== expected) problems.push(`${service}: /readyz answered ${readyStatus}, not ${expected}`);
    return problems;
  });
}

/** Calls between bots over clusters made of the folder, and of a container where that can be had. Says what is wrong. */
async function checkCalls(folder: string, app: string): Promise<string[]> {
  const inFolder: ServiceCommand = (kind) => [
    ...(process.getuid?.() === 0 ? ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"] : []),
    ...["env", `PATH=${join(folder, "bin")}:/usr/bin:/bin`, "/bin/sh", join(app, "deploy/images/entrypoint.sh"), kind],
  ];
  const problems = await checkCall("folder", inFolder);
  if (!ScratchContainer.isPossible) {
    console.log("No buildah and runc (or not root): no container was built.");
    return problems;
  }
  const container = ScratchContainer.create(app, join(folder, "bin/node"));
  try {
    return [...problems, ...(await checkCall("container", container.command))];
  } finally {
    container.remove();
  }
}

async function checkCall(from: string, command: ServiceCommand): Promise<string[]> {
  const { firstFrameMs, tracks, errors } = await callOverImage(command);
  console.log(JSON.stringify({ call: from, firstFrameMs, tracks, errors }));
  if (firstFrameMs !== undefined && tracks === 4 && errors.length === 0) return [];
  return [
    `call over the ${from}: ${tracks} of 4 tracks, first picture ${firstFrameMs ?? "never"}, ${errors.join("; ")}`,
  ];
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cation-image-"));
  try {
    const app = build(folder);
    accessSync(join(app, "packages/media-io/native/build/media_io.node"), constants.R_OK);
    const bytes = Number(execFileSync("du", ["-sb", app]).toString().split("\t")[0]);
    const findings: Finding[] = [];
    for (const candidate of await listCandidates()) findings.push(await check(folder, app, candidate));
    for (const finding of findings) console.log(JSON.stringify(finding));
    const problems = [...findProblems(findings), ...(await checkCalls(folder, app))];
    for (const problem of problems) console.error(`✗ ${problem}`);
    if (problems.length > 0) process.exitCode = 1;
    const services = findings.map(({ service, startMs }) => ({ service, startMs }));
    console.log(JSON.stringify({ ok: problems.length === 0, appMegabytes: Math.round(bytes / 1e6), services }));
  } finally {
    if (process.argv.includes("--keep")) console.log(`Kept: ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

if (isMain(import.meta.url)) await main();
