/** Compiles bench/native (sink, source, bare loop) into one addon, against the headers that come with Node. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const sources = join(import.meta.dirname, "../native");
const output = join(sources, "build/bench.node");

/** Where node_api.h and OpenSSL's headers are: beside the binary, in the npm package of it, or the system's. */
function includeFolder(): string {
  const root = join(import.meta.dirname, "../..");
  const candidates = [
    join(dirname(process.execPath), "../include/node"),
    join(root, `node_modules/node/node_modules/node-${process.platform}-${process.arch}/include/node`),
    join(root, `node_modules/node-${process.platform}-${process.arch}/include/node`),
    "/usr/include/node",
  ];
  const found = candidates.find((folder) => existsSync(join(folder, "node_api.h")));
  if (found === undefined) throw new Error("No node_api.h found: run `npm install` in the repository's root first.");
  return found;
}

/** Builds when a source is newer than the result. Returns the addon's path; throws when there is no C++ compiler. */
export function buildNative(): string {
  const files = readdirSync(sources).filter((name) => /\.(cc|h)$/.test(name));
  const newest = Math.max(...files.map((name) => statSync(join(sources, name)).mtimeMs));
  if (existsSync(output) && statSync(output).mtimeMs > newest) return output;
  mkdirSync(dirname(output), { recursive: true });
  const units = files.filter((name) => name.endsWith(".cc")).map((name) => join(sources, name));
  try {
    execFileSync(
      process.env["CXX"] ?? "g++",
      ["-std=c++17", "-O3", "-march=native", "-fPIC", "-shared", "-I", includeFolder(), "-o", output, ...units],
      { stdio: "inherit" },
    );
  } catch (cause) {
    throw new Error("The bench compares with a C++ loop and needs g++ (`apt-get install g++`).", { cause });
  }
  return output;
}
