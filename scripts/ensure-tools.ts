import type { TestTool } from "./test-tools.ts";

/** What ensureTools needs of the machine. */
export interface Machine {
  readonly isRoot: boolean;
  readonly hasAptGet: boolean;
  readonly find: (tool: TestTool) => string | undefined;
  readonly readVersion: (tool: TestTool, path: string) => string;
  /** Runs a command with its output shown; answers whether it succeeded. */
  readonly run: (command: readonly string[]) => boolean;
  readonly print: (line: string) => void;
}

/**
 * Makes sure that every tool is there: as root on Debian it installs what is missing, otherwise it throws an error that
 * says which command does. Changes nothing where nothing is missing.
 */
export function ensureTools(tools: readonly TestTool[], machine: Machine): void {
  const missing = findMissing(tools, machine);
  if (missing.length > 0) {
    if (!machine.isRoot || !machine.hasAptGet) throw new Error(explain(missing, machine));
    install(missing, machine);
    const still = findMissing(tools, machine);
    if (still.length > 0) throw new Error(explain(still, machine));
  }
  const found = tools.map((tool) => `${tool.program} ${machine.readVersion(tool, machine.find(tool) ?? tool.program)}`);
  machine.print(`Test tools: ${found.join(", ")}.`);
}

function findMissing(tools: readonly TestTool[], machine: Machine): TestTool[] {
  return tools.filter((tool) => machine.find(tool) === undefined);
}

function installCommands(missing: readonly TestTool[]): string[][] {
  const packages = missing.map(({ debianPackage }) => debianPackage);
  return [
    ["apt-get", "update"],
    ["apt-get", "install", "-y", "--no-install-recommends", ...packages],
  ];
}

function install(missing: readonly TestTool[], machine: Machine): void {
  machine.print(`Installing ${missing.map(({ program }) => program).join(", ")} from this system's packages.`);
  for (const command of installCommands(missing)) {
    machine.print(`$ ${command.join(" ")}`);
    // An update that fails for one source may still have brought what is needed; the install tells.
    if (!machine.run(command) && command[1] === "install") throw new Error(`${command.join(" ")} failed.`);
  }
}

function explain(missing: readonly TestTool[], { hasAptGet }: Machine): string {
  const command = hasAptGet
    ? installCommands(missing)
        .map((words) => `sudo ${words.join(" ")}`)
        .join(" && ")
    : `brew install ${missing.map(({ brewFormula }) => brewFormula).join(" ")}   (or your system's way)`;
  return [
    "These programs are missing, and npm test needs them:",
    ...missing.map(({ program, usedFor }) => `  ${program.padEnd(14)}${usedFor}`),
    "Install them with:",
    `  ${command}`,
    "Without them, `npm run test:unit` runs the unit and simulation tests.",
  ].join("\n");
}
