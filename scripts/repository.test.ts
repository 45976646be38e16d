import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { describe, expect, test } from "vitest";

/** Rules of the repository that the linter cannot express. docs/architecture.md says the same in words. */

const ROOT = join(import.meta.dirname, "..");
const SKIPPED_FOLDERS = new Set(["node_modules", "dist", "gen", "build", "found", "results", "test-results"]);

/** Which packages of ours the sources of each folder may import. Tests may also use test helpers of others. */
const ALLOWED_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  "packages/proto": [],
  "packages/rtp": [],
  "packages/engine": ["rtp"],
  "packages/simnet": ["engine", "rtp"],
  "packages/media-io": ["engine", "rtp"],
  "packages/webrtc": ["media-io", "engine", "rtp"],
  "packages/service-kit": [],
  "packages/cluster": ["proto", "service-kit"],
  "packages/client": ["proto"],
  "services/signal": ["proto", "service-kit", "cluster"],
  "services/islb": ["proto", "service-kit", "cluster"],
  "services/sfu": ["proto", "service-kit", "cluster", "webrtc", "media-io", "engine", "rtp"],
  "apps/web": ["client", "proto"],
  "apps/embedded": ["signal", "islb", "sfu", "cluster", "service-kit", "proto"],
};

interface Source {
  /** Path from the root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly isTest: boolean;
}

function* walk(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".") || SKIPPED_FOLDERS.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (/\.(ts|vue)$/.test(entry.name)) yield path;
  }
}

const sources: Source[] = [...walk(ROOT)].map((path) => ({
  path: relative(ROOT, path).replaceAll(sep, "/"),
  text: readFileSync(path, "utf8"),
  isTest: /\.(test|contract)\.ts$|\/(testing|fixtures)\/|^test\//.test(path.replaceAll(sep, "/")),
}));

/** What a file imports, dynamic imports included. */
function importsOf({ text }: Source): string[] {
  const pattern = /(?:^|\n)\s*(?:import|export)\b[^"'`;]*?from\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']/g;
  return [...text.matchAll(pattern)].map(([, from, direct]) => from ?? direct ?? "");
}

function folderOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

function offenders(isWrong: (source: Source) => boolean): string[] {
  return sources.filter(isWrong).map(({ path }) => path);
}

test("imports go one way", () => {
  const wrong = sources.flatMap((source) => {
    const folder = folderOf(source.path);
    const allowed = ALLOWED_IMPORTS[folder];
    if (!allowed || source.isTest) return [];
    const own = folder.split("/")[1] ?? "";
    return importsOf(source)
      .map((name) => /^@cation\/([^/]+)/.exec(name)?.[1])
      .filter((name) => name !== undefined && name !== own && !allowed.includes(name))
      .map((name) => `${source.path} imports ${name}`);
  });
  expect(wrong).toEqual([]);
});

test("package.json of each package names what its sources import, and nothing that goes the wrong way", () => {
  for (const [folder, allowed] of Object.entries(ALLOWED_IMPORTS)) {
    const manifest = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")) as {
      dependencies?: Record<string, string>;
      devDependencies?: Record<string, string>;
    };
    const declared = Object.keys(manifest.dependencies ?? {});
    const everywhere = [...declared, ...Object.keys(manifest.devDependencies ?? {}), "vitest", "fast-check"];
    const ours = declared.flatMap((name) => /^@cation\/(.+)/.exec(name)?.[1] ?? []);
    expect(
      ours.filter((name) => !allowed.includes(name)),
      `${folder} depends on`,
    ).toEqual([]);
    for (const source of sources.filter(({ path }) => path.startsWith(`${folder}/`))) {
      const bare = importsOf(source).filter((name) => !/^(\.|node:|virtual:)/.test(name));
      const names = bare.map((name) =>
        name
          .split("/")
          .slice(0, name.startsWith("@") ? 2 : 1)
          .join("/"),
      );
      const own = `@cation/${folder.split("/")[1]}`;
      const missing = names.filter(
        (name) => name !== own && !everywhere.includes(name) && !isTypesOnly(name, everywhere),
      );
      expect(missing, `${source.path} imports what ${folder}/package.json does not name`).toEqual([]);
    }
  }
});

/** Types of a library that comes with another one: `import type … from "ws"` with @types/ws. */
function isTypesOnly(name: string, everywhere: readonly string[]): boolean {
  return everywhere.includes(`@types/${name}`);
}

test("no relative import leaves its package", () => {
  const wrong = sources.flatMap((source) => {
    const folder = folderOf(source.path);
    if (!(folder in ALLOWED_IMPORTS)) return [];
    return importsOf(source)
      .filter((name) => name.startsWith("."))
      .map((name) => relative(ROOT, resolve(ROOT, dirname(source.path), name)).replaceAll(sep, "/"))
      .filter((target) => !target.startsWith(`${folder}/`))
      .map((target) => `${source.path} imports ${target}`);
  });
  expect(wrong).toEqual([]);
});

test("relative imports name files that exist", () => {
  const wrong = sources.flatMap((source) =>
    importsOf(source)
      .filter((name) => name.startsWith(".") && !name.includes("?"))
      .filter((name) => !existsSync(resolve(ROOT, dirname(source.path), name)))
      .map((name) => `${source.path} imports ${name}`),
  );
  expect(wrong).toEqual([]);
});

test("rtp and engine wait for nothing", () => {
  const isSansIo = ({ path, isTest }: Source): boolean => /^packages\/(rtp|engine)\/src\//.test(path) && !isTest;
  expect(offenders((source) => isSansIo(source) && /\b(async|await)\b/.test(withoutComments(source.text)))).toEqual([]);
});

test("no module-level mutable state", () => {
  const isOurs = ({ path, isTest }: Source): boolean =>
    /^(packages|services|apps)\/.*\/src\/.*\.ts$/.test(path) && !isTest;
  expect(offenders((source) => isOurs(source) && /^(export )?(let|var) /m.test(source.text))).toEqual([]);
});

test("no barrels: a file that only passes on others hides where things are", () => {
  expect(offenders(({ path, text }) => !path.endsWith(".d.ts") && /^export \*/m.test(text))).toEqual([]);
  expect(offenders(({ path }) => path.endsWith("/index.ts"))).toEqual([]);
});

test("files are short enough to be read", () => {
  const MAX_LINES = 450;
  expect(offenders(({ text, isTest }) => !isTest && text.split("\n").length > MAX_LINES)).toEqual([]);
});

test("no test is skipped or left for later", () => {
  // A machine may have no IPv6 or no compiler (the skipped test's name says so then); every other condition can be made
  // true by install-test-tools.ts.
  const pattern =
    /\b(test|it|describe)\.((only|todo|fails)\b|skip\b(?!\(loaded\.reason)|(skipIf|runIf)\((?!!hasIpv6\(\)\)|loaded\.addon))/;
  expect(offenders(({ path, text }) => path !== "scripts/repository.test.ts" && pattern.test(text))).toEqual([]);
  const marker = new RegExp(["TO", "DO|FIX", "ME|X", "XX"].join(""));
  expect(offenders(({ text }) => marker.test(text))).toEqual([]);
});

describe("documents", () => {
  const pages = [
    ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" }).map((name) => `docs/${name}`),
    "README.md",
  ];

  test("link to files that exist", () => {
    const broken = pages
      .filter((page) => page.endsWith(".md"))
      .flatMap((page) => {
        const text = readFileSync(join(ROOT, page), "utf8");
        return [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
          .map(([, target]) => target ?? "")
          .filter((target) => !existsSync(resolve(ROOT, dirname(page), target)))
          .map((target) => `${page} links to ${target}`);
      });
    expect(broken).toEqual([]);
  });
});

test("nothing large is committed by mistake", () => {
  const MAX_BYTES = 200_000;
  expect(offenders(({ path }) => statSync(join(ROOT, path)).size > MAX_BYTES)).toEqual([]);
});

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\//g, "").replaceAll(/\/\/.*/g, "");
}
