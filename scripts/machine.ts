import { execFileSync, spawnSync } from "node:child_process";
import type { Machine } from "./ensure-tools.ts";
import { findTool } from "./test-tools.ts";

/** The machine that this runs on. */
export function thisMachine(): Machine {
  return {
    isRoot: process.getuid?.() === 0,
    hasAptGet: spawnSync("apt-get", ["--version"], { stdio: "ignore" }).status === 0,
    find: (tool) => findTool(tool, process.env),
    readVersion(tool, path) {
      const stdio = ["ignore", "pipe", "ignore"] as const;
      const output = execFileSync(path, [...tool.versionArguments], { encoding: "utf8", stdio: [...stdio] });
      return /\d+(\.\d+)+/.exec(output)?.[0] ?? "of unknown version";
    },
    run([command = "", ...args]) {
      const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
      return spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"], env }).status === 0;
    },
    print: (line) => console.log(line),
  };
}
