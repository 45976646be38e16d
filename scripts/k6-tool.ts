import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { isMain } from "./is-main.ts";
import { findTool } from "./test-tools.ts";

/** What `go install` gets where no k6 is on the PATH. */
const K6_VERSION = "v1.8.1";

const K6_TOOL = { program: "k6", debianPackage: "", brewFormula: "k6", versionArguments: ["version"], usedFor: "load" };
const GO_TOOL = {
  program: "go",
  debianPackage: "golang",
  brewFormula: "go",
  versionArguments: ["version"],
  usedFor: "k6",
};

/** Where Go's own installer puts it. */
const GO_HOME = "/usr/local/go/bin";

/** The k6 on the PATH, or the one that was built here before; undefined without. */
export function findK6(env: NodeJS.ProcessEnv): string | undefined {
  const built = builtPath(env);
  return findTool(K6_TOOL, env) ?? (existsSync(built) ? built : undefined);
}

/**
 * Finds k6, or builds it with the machine's Go (a few minutes, once): the program lies outside of the tree, in
 * $XDG_CACHE_HOME/cation. Throws, saying what to do, where there is no Go either.
 */
export function ensureK6(env: NodeJS.ProcessEnv, say: (line: string) => void): string {
  const found = findK6(env);
  if (found !== undefined) return found;
  const go = findTool(GO_TOOL, { ...env, PATH: `${env.PATH ?? ""}:${GO_HOME}` });
  if (go === undefined) {
    throw new Error(
      "k6 is missing, and so is Go to build it. Put a k6 on the PATH (https://k6.io) or install Go ≥ 1.24.",
    );
  }
  const folder = cacheFolder(env);
  mkdirSync(folder, { recursive: true });
  say(`Building k6 ${K6_VERSION} in ${folder}; this takes some minutes, once…`);
  const result = spawnSync(go, ["install", `go.k6.io/k6@${K6_VERSION}`], {
    env: { ...env, GOBIN: folder },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (result.status !== 0) throw new Error(`go install go.k6.io/k6@${K6_VERSION} failed.`);
  return builtPath(env);
}

function builtPath(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), "k6");
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "cation", `k6-${K6_VERSION}`);
}

if (isMain(import.meta.url)) process.stdout.write(`${ensureK6(process.env, (line) => console.error(line))}\n`);
