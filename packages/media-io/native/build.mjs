/**
 * Builds the native addon: `node build.mjs [--sanitize] [--strict] [--force]`. Runs at `npm install`, with whichever Node
 * npm has (hence plain JavaScript), downloads nothing, and never fails an installation: without compiler or headers it
 * says so in one line, leaves the reason in build/not-built.txt, and the TypeScript backend serves.
 *
 * It calls the compiler itself. node-gyp would want Python, and would fetch headers it does not find.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const NATIVE_DIRECTORY = dirname(fileURLToPath(import.meta.url));
const REPOSITORY_DIRECTORY = join(NATIVE_DIRECTORY, "..", "..", "..");
const BUILD_DIRECTORY = join(NATIVE_DIRECTORY, "build");
const CACHED_HEADERS = join(BUILD_DIRECTORY, "include");
const REASON_FILE = join(BUILD_DIRECTORY, "not-built.txt");

const COMMON_FLAGS = ["-std=c++17", "-fPIC", "-fvisibility=hidden", "-DNAPI_VERSION=9", "-pthread"];
const WARNING_FLAGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion"];
const RELEASE_FLAGS = ["-O2", "-DNDEBUG"];
const SANITIZE_FLAGS = [
  "-O1",
  "-g",
  "-fno-omit-frame-pointer",
  "-fsanitize=address,undefined",
  "-fno-sanitize-recover=undefined",
];

/** OpenSSL's folder of headers for this machine. */
const OPENSSL_ARCHS = { x64: "linux-x86_64", arm64: "linux-aarch64" };

class CannotBuild extends Error {}

await main(new Set(process.argv.slice(2)));

async function main(options) {
  try {
    const built = await build(options);
    rmSync(REASON_FILE, { force: true });
    if (built) console.log(`media-io: native backend built (${relative(process.cwd(), built)})`);
  } catch (error) {
    const known = error instanceof CannotBuild;
    const why = known ? error.message : `the build script failed: ${error}`;
    console.log(`media-io: TypeScript backend, since ${why}`);
    try {
      mkdirSync(BUILD_DIRECTORY, { recursive: true });
      // An addon of older sources must not be loaded by newer TypeScript.
      rmSync(join(BUILD_DIRECTORY, "media_io.node"), { force: true });
      writeFileSync(REASON_FILE, `${why}\n`);
    } catch {
      // A read-only checkout: the reason is lost, the installation is not.
    }
    if (options.has("--strict")) process.exitCode = 1;
  }
}

/** Returns the path of the new addon, `undefined` where the old one is up to date. */
async function build(options) {
  if (process.platform !== "linux") throw new CannotBuild(`this is ${process.platform}, not Linux`);
  const sanitize = options.has("--sanitize");
  const directory = sanitize ? join(BUILD_DIRECTORY, "sanitized") : BUILD_DIRECTORY;
  const addon = join(directory, "media_io.node");
  const stampFile = join(directory, "stamp.txt");
  const flags = [...COMMON_FLAGS, ...WARNING_FLAGS, ...(sanitize ? SANITIZE_FLAGS : RELEASE_FLAGS)];
  const stamp = hashOfSources([process.arch, ...flags]);
  const upToDate = existsSync(addon) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;
  if (upToDate && !options.has("--force")) return undefined;

  const compiler = findCompiler();
  const headers = findHeaders();
  mkdirSync(directory, { recursive: true });
  const workDirectory = join(directory, `work-${process.pid}`);
  mkdirSync(workDirectory);
  try {
    const output = await compileAndLink(compiler, flags, headers, workDirectory);
    if (!sanitize) checkThatItLoads(output);
    renameSync(output, addon);
    writeFileSync(stampFile, stamp);
  } finally {
    rmSync(workDirectory, { recursive: true, force: true });
  }
  cacheHeaders(headers);
  return addon;
}

function findCompiler() {
  const candidates = [process.env.CXX, "c++", "g++", "clang++"].filter(Boolean);
  for (const command of candidates) {
    if (spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0) return command;
  }
  throw new CannotBuild("there is no C++ compiler (g++ or clang++)");
}

/**
 * A folder with node_api.h, uv.h and openssl/: Node's own headers. Those of the npm package of the Node binary are there
 * only until the next npm install prunes them, so the first build keeps a copy.
 */
function findHeaders() {
  const packageName = `node-linux-${process.arch}`;
  const candidates = [
    join(REPOSITORY_DIRECTORY, "node_modules", "node", "node_modules", packageName, "include", "node"),
    join(REPOSITORY_DIRECTORY, "node_modules", packageName, "include", "node"),
    CACHED_HEADERS,
    process.env.npm_config_nodedir && join(process.env.npm_config_nodedir, "include", "node"),
    join(dirname(process.execPath), "..", "include", "node"),
    "/usr/include/node",
    "/usr/local/include/node",
  ].filter(Boolean);
  const found = candidates.find((directory) =>
    ["node_api.h", "uv.h", "openssl/ssl.h"].every((file) => existsSync(join(directory, file))),
  );
  if (!found) throw new CannotBuild("Node's headers (node_api.h, openssl/) are nowhere to be found");
  return found;
}

async function compileAndLink(compiler, flags, headers, workDirectory) {
  const sources = sourceFiles().filter((file) => file.endsWith(".cc"));
  const objects = sources.map((file) => join(workDirectory, file.replace(/\.cc$/, ".o")));
  const jobs = sources.map((file, i) => [
    ...flags,
    "-isystem",
    headers,
    "-c",
    join(NATIVE_DIRECTORY, file),
    "-o",
    objects[i],
  ]);
  const workers = Array.from({ length: availableParallelism() }, async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await run(compiler, job);
  });
  await Promise.all(workers);
  const output = join(workDirectory, "media_io.node");
  await run(compiler, [...flags, "-shared", ...objects, "-o", output]);
  return output;
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve();
      const firstError = errors.split("\n").find((line) => line.includes("error")) ?? `exit code ${code}`;
      reject(new CannotBuild(`the compiler refused: ${firstError.trim()}`));
    });
  });
}

/** In a process of its own, so that a crash costs only that. */
function checkThatItLoads(addon) {
  const result = spawnSync(process.execPath, ["-e", `require(${JSON.stringify(addon)})`], {
    encoding: "utf8",
  });
  if (result.status === 0) return;
  const why = result.stderr.split("\n").find((line) => line.includes("Error")) ?? result.signal;
  throw new CannotBuild(`the addon does not load: ${why}`);
}

/** Only what an addon can use, and of OpenSSL's configurations only this machine's. */
function cacheHeaders(headers) {
  if (headers === CACHED_HEADERS) return;
  const arch = OPENSSL_ARCHS[process.arch];
  const wanted = (path) => {
    const name = relative(headers, path);
    const parts = name.split(/[\\/]/);
    if (parts[0] === "cppgc" || parts[0] === "libplatform" || /^v8.*\.h$/.test(name)) return false;
    if (parts[0] !== "openssl" || parts[1] !== "archs" || parts.length < 3) return true;
    return (arch === undefined || parts[2] === arch) && (parts.length < 4 || parts[3] === "asm");
  };
  rmSync(CACHED_HEADERS, { recursive: true, force: true });
  cpSync(headers, CACHED_HEADERS, { recursive: true, filter: wanted, dereference: true });
}

function sourceFiles() {
  return readdirSync(NATIVE_DIRECTORY)
    .filter((file) => /\.(cc|h)$/.test(file))
    .sort();
}

function hashOfSources(extra) {
  const hash = createHash("sha256");
  for (const text of extra) hash.update(`${text}\0`);
  for (const file of sourceFiles()) {
    hash.update(`${file}\0`).update(readFileSync(join(NATIVE_DIRECTORY, file)));
  }
  return hash.digest("hex");
}
