/**
 * Runs the native backend under sanitizers: `node sanitize.ts [--inputs 200000]`.
 *  1. native tests (native/test) with address, undefined-behaviour and thread sanitizer, leaks included;
 *  2. the contract suite over an addon built with address and undefined-behaviour sanitizer;
 *  3. the fuzzer over the same addon.
 * Needs g++ and its sanitizer libraries. Ends with a code other than 0 at the first finding.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const NATIVE = import.meta.dirname;
const REPOSITORY = join(NATIVE, "..", "..", "..");
const BUILD = join(NATIVE, "build");
const SANITIZED = join(BUILD, "sanitized");
const ADDON = join(SANITIZED, "media_io.node");
const COMPILER = process.env.CXX ?? "g++";

/** Node itself leaks at exit on purpose, so leaks are looked for in the native tests only. */
const ADDRESS_OPTIONS = "detect_leaks=0:abort_on_error=1:strict_string_checks=1";
const UNDEFINED_OPTIONS = "print_stacktrace=1:halt_on_error=1";

const { values } = parseArgs({ options: { inputs: { type: "string", default: "200000" } } });

run("build the sanitized addon", process.execPath, [join(NATIVE, "build.mjs"), "--sanitize", "--strict"]);
nativeTests("address,undefined", []);
nativeTests("thread", ["-Wno-tsan"]);
const environment = {
  ...process.env,
  LD_PRELOAD: [libraryOf("libasan.so"), libraryOf("libubsan.so")].join(" "),
  ASAN_OPTIONS: ADDRESS_OPTIONS,
  UBSAN_OPTIONS: UNDEFINED_OPTIONS,
  CATION_MEDIA_IO_ADDON: ADDON,
};
run(
  "contract suite",
  process.execPath,
  [
    join(REPOSITORY, "node_modules", "vitest", "vitest.mjs"),
    "run",
    "--project",
    "unit",
    "packages/media-io/src/native",
    "packages/webrtc/src/openssl-dtls",
  ],
  environment,
);
run("fuzzer", process.execPath, [join(NATIVE, "fuzz.ts"), "--addon", ADDON, "--inputs", values.inputs], environment);
console.log("sanitizers: nothing found");

/** Each test is a program of its own, with the sources that it names. */
function nativeTests(sanitizer: string, flags: readonly string[]): void {
  mkdirSync(SANITIZED, { recursive: true });
  const sources = ["packet_sender.cc", "sender_thread.cc", "udp_socket.cc", "endpoint.cc"];
  const tests = readdirSync(join(NATIVE, "test")).filter((file) => file.endsWith("_test.cc"));
  for (const test of tests) {
    const program = join(SANITIZED, `${test.replace(/\.cc$/, "")}-${sanitizer}`);
    run(`compile ${test} (${sanitizer})`, COMPILER, [
      "-std=c++17",
      "-O1",
      "-g",
      `-fsanitize=${sanitizer}`,
      "-fno-sanitize-recover=all",
      ...flags,
      "-pthread",
      "-isystem",
      join(BUILD, "include"),
      join(NATIVE, "test", test),
      join(NATIVE, "test", "fake_socket.cc"),
      ...sources.map((file) => join(NATIVE, file)),
      "-o",
      program,
    ]);
    run(`${test} (${sanitizer})`, program, []);
  }
}

function libraryOf(name: string): string {
  return execFileSync(COMPILER, [`-print-file-name=${name}`], { encoding: "utf8" }).trim();
}

function run(
  what: string,
  command: string,
  args: readonly string[],
  environmentOfChild: NodeJS.ProcessEnv = process.env,
): void {
  console.log(`── ${what}`);
  const result = spawnSync(command, args, {
    cwd: REPOSITORY,
    env: environmentOfChild,
    stdio: "inherit",
  });
  if (result.status === 0) return;
  console.error(`${what}: ${result.error?.message ?? result.signal ?? `code ${result.status}`}`);
  process.exit(1);
}
