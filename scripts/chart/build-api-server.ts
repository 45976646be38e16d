import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findGo, KUBERNETES, KUBERNETES_VERSION, moduleFolder } from "./chart-tools.ts";

/** Published a patch release later than the others of its line, and the same but for that. */
const OTHER_VERSIONS: Readonly<Record<string, string>> = { "k8s.io/externaljwt": "v0.33.3" };

/**
 * Builds kube-apiserver out of Kubernetes' module, where it is not built yet: some ten minutes of one core, once. The
 * module names its own parts by folders (staging/src) that Go's proxy does not carry; they are taken from where they are
 * published instead.
 *
 * @param cache the folder that keeps it between runs
 */
export function buildApiServer(cache: string, print: (line: string) => void): string {
  const program = join(cache, "bin", `kube-apiserver-${KUBERNETES_VERSION}`);
  if (existsSync(program)) return program;
  const go = findGo();
  const source = join(cache, `kubernetes-${KUBERNETES_VERSION}`);
  print(`Building kube-apiserver ${KUBERNETES_VERSION} (ten minutes or more, once)`);
  rmSync(source, { recursive: true, force: true });
  mkdirSync(join(cache, "bin"), { recursive: true });
  cpSync(moduleFolder(KUBERNETES), source, { recursive: true });
  execFileSync("chmod", ["-R", "u+w", source]);
  const goMod = join(source, "go.mod");
  writeFileSync(goMod, usePublishedParts(readFileSync(goMod, "utf8")));
  for (const name of ["go.work", "go.work.sum"]) rmSync(join(source, name), { force: true });
  const env = { ...process.env, GOFLAGS: "-mod=mod", GOWORK: "off", CGO_ENABLED: "0" };
  const [major = "", minor = ""] = KUBERNETES_VERSION.split(".");
  const version = "k8s.io/component-base/version";
  const flags = [
    `-X ${version}.gitVersion=v${KUBERNETES_VERSION}`,
    `-X ${version}.gitMajor=${major}`,
    `-X ${version}.gitMinor=${minor}`,
  ].join(" ");
  const args = ["build", "-trimpath", "-ldflags", flags, "-o", program, "./cmd/kube-apiserver"];
  execFileSync(go, args, { cwd: source, env, stdio: "inherit" });
  rmSync(source, { recursive: true, force: true });
  return program;
}

/** Replaces folders by published modules: Kubernetes 1.33.2 is made of parts of version 0.33.2. */
export function usePublishedParts(goMod: string): string {
  const version = `v${KUBERNETES_VERSION.replace(/^1/, "0")}`;
  return goMod.replaceAll(
    /^(\s*)(k8s\.io\/[a-z-]+) => \.\/staging\/src\/\S+$/gm,
    (_, indent: string, module: string) => `${indent}${module} => ${module} ${OTHER_VERSIONS[module] ?? version}`,
  );
}
