/**
 * Makes sure that the programs which `npm test` needs are there. As root on Debian it installs what is missing; otherwise
 * it says which command does and fails. Changes nothing where nothing is missing.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { findTool, TEST_TOOLS } from "./test-tools.ts";
import type { TestTool } from "./test-tools.ts";

function findMissing(): TestTool[] {
  return TEST_TOOLS.filter((tool) => findTool(tool, process.env) === undefined);
}

function readVersion(tool: TestTool): string {
  const path = findTool(tool, process.env) ?? tool.program;
  const output = execFileSync(path, [...tool.versionArguments], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return /\d+(\.\d+)+/.exec(output)?.[0] ?? "of unknown version";
}

function installCommands(missing: readonly TestTool[]): string[][] {
  const packages = missing.map(({ debianPackage }) => debianPackage);
  return [
    ["apt-get", "update"],
    ["apt-get", "install", "-y", "--no-install-recommends", ...packages],
  ];
}

function hasAptGet(): boolean {
  return spawnSync("apt-get", ["--version"], { stdio: "ignore" }).status === 0;
}

function install(missing: readonly TestTool[]): void {
  console.log(`Installing ${missing.map(({ program }) => program).join(", ")} from this system's packages.`);
  for (const [command = "", ...args] of installCommands(missing)) {
    console.log(`$ ${command} ${args.join(" ")}`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const { status } = spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"], env });
    // An update that fails for one source may still have what is needed; the install tells.
    if (status !== 0 && args[0] === "install") throw new Error(`${command} failed with status ${status}.`);
  }
}

function explain(missing: readonly TestTool[]): string {
  const lines = missing.map(({ program, usedFor }) => `  ${program.padEnd(14)}${usedFor}`);
  const command = hasAptGet()
    ? installCommands(missing)
        .map((words) => `sudo ${words.join(" ")}`)
        .join(" && ")
    : `brew install ${missing.map(({ brewFormula }) => brewFormula).join(" ")}   (or your system's way)`;
  return [
    "These programs are missing, and npm test needs them:",
    ...lines,
    "Install them with:",
    `  ${command}`,
    "Without them, `npm run test:unit` runs the unit and simulation tests.",
  ].join("\n");
}

function main(): void {
  const missing = findMissing();
  if (missing.length > 0) {
    if (process.getuid?.() !== 0 || !hasAptGet()) throw new Error(explain(missing));
    install(missing);
    const still = findMissing();
    if (still.length > 0) throw new Error(explain(still));
  }
  console.log(`Test tools: ${TEST_TOOLS.map((tool) => `${tool.program} ${readVersion(tool)}`).join(", ")}.`);
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
