import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A program that tests (or the local cluster) need and the repository does not bring. */
export interface TestTool {
  readonly program: string;
  readonly debianPackage: string;
  /** Which Homebrew formula has it, for those on macOS. */
  readonly brewFormula: string;
  /** Arguments that make it print its version. */
  readonly versionArguments: readonly string[];
  /** Names a path that goes before the search. */
  readonly pathVariable?: string;
  readonly usedFor: string;
}

export const TEST_TOOLS: readonly TestTool[] = [
  {
    program: "redis-server",
    debianPackage: "redis-server",
    brewFormula: "redis",
    versionArguments: ["--version"],
    usedFor: "contract tests of the stores, npm run cluster",
  },
  {
    program: "nats-server",
    debianPackage: "nats-server",
    brewFormula: "nats-server",
    versionArguments: ["--version"],
    usedFor: "contract tests of the event bus, npm run cluster",
  },
  {
    program: "chromium",
    debianPackage: "chromium",
    brewFormula: "chromium",
    versionArguments: ["--version"],
    pathVariable: "CHROMIUM_PATH",
    usedFor: "end-to-end tests",
  },
  {
    program: "turnserver",
    debianPackage: "coturn",
    brewFormula: "coturn",
    versionArguments: ["--version"],
    usedFor: "end-to-end test of TURN",
  },
  {
    program: "ffmpeg",
    debianPackage: "ffmpeg",
    brewFormula: "ffmpeg",
    versionArguments: ["-version"],
    usedFor: "contract tests that decode what was forwarded",
  },
  {
    program: "openssl",
    debianPackage: "openssl",
    brewFormula: "openssl",
    versionArguments: ["version"],
    usedFor: "tests of DTLS against another implementation",
  },
];

/** What the checks of operation need, beyond `npm test`. */
export const OPERATION_TOOLS: readonly TestTool[] = [
  {
    program: "prometheus",
    debianPackage: "prometheus",
    brewFormula: "prometheus",
    versionArguments: ["--version"],
    usedFor: "npm run check:dashboards",
  },
  {
    program: "promtool",
    debianPackage: "prometheus",
    brewFormula: "prometheus",
    versionArguments: ["--version"],
    usedFor: "npm run check:dashboards",
  },
  {
    program: "etcd",
    debianPackage: "etcd-server",
    brewFormula: "etcd",
    versionArguments: ["--version"],
    usedFor: "npm run check:cluster",
  },
];

/** Debian keeps servers where a user's PATH does not look. */
const FURTHER_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin"];

/** The path of a tool, or undefined when the machine lacks it. */
export function findTool(tool: TestTool, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const given = tool.pathVariable === undefined ? undefined : env[tool.pathVariable];
  const folders = [...(env["PATH"] ?? "").split(delimiter), ...FURTHER_FOLDERS];
  const candidates = [...(given ? [given] : []), ...folders.map((folder) => join(folder, tool.program))];
  return candidates.find(isExecutable);
}

/** The path of a program of the list. Throws an error that says how to get it. */
export function requireTool(program: string, env: Readonly<Record<string, string | undefined>>): string {
  const tool = [...TEST_TOOLS, ...OPERATION_TOOLS].find((candidate) => candidate.program === program);
  const path = tool && findTool(tool, env);
  if (path) return path;
  const packageName = tool?.debianPackage ?? program;
  throw new Error(`${program} is not installed. On Debian or Ubuntu: sudo apt-get install -y ${packageName}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
