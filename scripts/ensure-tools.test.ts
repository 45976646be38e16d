import { expect, test } from "vitest";
import { ensureTools } from "./ensure-tools.ts";
import type { Machine } from "./ensure-tools.ts";
import { TEST_TOOLS } from "./test-tools.ts";

function createMachine(installed: string[], overrides: Partial<Machine> = {}) {
  const commands: string[] = [];
  const lines: string[] = [];
  const machine: Machine = {
    isRoot: true,
    hasAptGet: true,
    find: ({ program }) => (installed.includes(program) ? `/usr/bin/${program}` : undefined),
    readVersion: () => "1.0",
    run(command) {
      commands.push(command.join(" "));
      const brought = TEST_TOOLS.filter(({ debianPackage }) => command.includes(debianPackage));
      if (command[1] === "install") installed.push(...brought.map(({ program }) => program));
      return true;
    },
    print: (line) => lines.push(line),
    ...overrides,
  };
  return { machine, commands, lines };
}

const all = TEST_TOOLS.map(({ program }) => program);

test("nothing is done where nothing is missing", () => {
  const { machine, commands, lines } = createMachine([...all]);
  ensureTools(TEST_TOOLS, machine);
  expect(commands).toEqual([]);
  expect(lines).toEqual([
    "Test tools: redis-server 1.0, nats-server 1.0, chromium 1.0, turnserver 1.0, ffmpeg 1.0, openssl 1.0.",
  ]);
});

test("root on Debian installs what is missing, and only that", () => {
  const { machine, commands, lines } = createMachine(["openssl", "redis-server"]);
  ensureTools(TEST_TOOLS, machine);
  expect(commands).toEqual([
    "apt-get update",
    "apt-get install -y --no-install-recommends nats-server chromium coturn ffmpeg",
  ]);
  expect(lines[0]).toBe("Installing nats-server, chromium, turnserver, ffmpeg from this system's packages.");
});

test("everybody else is told the command", () => {
  const user = createMachine(["openssl"], { isRoot: false });
  expect(() => ensureTools(TEST_TOOLS, user.machine)).toThrow(
    "sudo apt-get update && sudo apt-get install -y --no-install-recommends redis-server nats-server chromium coturn ffmpeg",
  );
  const mac = createMachine(["openssl", "chromium"], { hasAptGet: false });
  expect(() => ensureTools(TEST_TOOLS, mac.machine)).toThrow("brew install redis nats-server");
  expect([...user.commands, ...mac.commands]).toEqual([]);
});

test("an installation that fails or brings nothing is an error", () => {
  const failing = createMachine([], { run: () => false });
  expect(() => ensureTools(TEST_TOOLS, failing.machine)).toThrow(/apt-get install .* failed/);
  const idle = createMachine([], { run: () => true });
  expect(() => ensureTools(TEST_TOOLS, idle.machine)).toThrow("These programs are missing");
});
