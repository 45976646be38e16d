/**
 * Makes sure that the programs which `npm test` needs are there. As root on Debian it installs what is missing; otherwise
 * it says which command does, and fails.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { ensureTools } from "./ensure-tools.ts";
import { findTool, TEST_TOOLS } from "./test-tools.ts";

try {
  ensureTools(TEST_TOOLS, {
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
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
