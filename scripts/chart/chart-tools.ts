import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { writeCustomSchemas, writeKubernetesSchemas } from "./kubernetes-schemas.ts";

/** Versions are pinned: a check must not change its mind overnight. */
const HELM = "helm.sh/helm/v3/cmd/helm@v3.18.4";
const KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform@v0.6.7";
export const KUBERNETES = "k8s.io/kubernetes@v1.33.2";
export const PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.83.0";
export const KEDA = "github.com/kedacore/keda/v2@v2.17.2";

/** The Kubernetes that charts are rendered for and checked against. */
export const KUBERNETES_VERSION = "1.33.2";

/** Programs and schemas, all outside of the repository. */
export interface ChartTools {
  readonly helm: string;
  readonly kubeconform: string;
  /** Location of the schemas, as kubeconform's -schema-location wants it. */
  readonly schemas: string;
}

/**
 * Installs what is missing, by Go and through its module proxy: helm, kubeconform, and the schemas out of the modules of
 * Kubernetes, the Prometheus operator and KEDA. Throws an error for people where Go is missing.
 *
 * @param cache the folder that keeps them between runs
 */
export function ensureChartTools(cache: string, print: (line: string) => void): ChartTools {
  const bin = join(cache, "bin");
  const helm = ensureProgram(bin, HELM, print);
  const kubeconform = ensureProgram(bin, KUBECONFORM, print);
  const schemas = join(cache, `schemas-${KUBERNETES.split("@")[1]}`);
  if (!existsSync(join(schemas, "scaledobject-keda-v1alpha1.json"))) {
    print("Making schemas out of Kubernetes', the Prometheus operator's and KEDA's sources.");
    writeKubernetesSchemas(join(moduleFolder(KUBERNETES), "api/openapi-spec/swagger.json"), schemas);
    writeCustomSchemas(join(moduleFolder(PROMETHEUS_OPERATOR), "example/prometheus-operator-crd"), schemas);
    writeCustomSchemas(join(moduleFolder(KEDA), "config/crd/bases"), schemas);
  }
  return { helm, kubeconform, schemas: join(schemas, "{{.ResourceKind}}{{.KindSuffix}}.json") };
}

/** The folder that is used unless another one is named. */
export function defaultCache(env: Readonly<Record<string, string | undefined>>): string {
  return join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "cation-tools");
}

function ensureProgram(bin: string, module: string, print: (line: string) => void): string {
  const program = join(bin, module.split("@")[0]?.split("/").at(-1) ?? "");
  if (existsSync(program)) return program;
  const go = findGo();
  mkdirSync(bin, { recursive: true });
  print(`$ go install ${module}   (some minutes, once)`);
  // Somewhere without a go.mod of its own.
  execFileSync(go, ["install", module], { cwd: bin, env: { ...process.env, GOBIN: bin }, stdio: "inherit" });
  return program;
}

/** Where Go keeps a module, which it fetches if need be. */
export function moduleFolder(module: string): string {
  const options = { cwd: homedir(), maxBuffer: 1e8 };
  const output = execFileSync(findGo(), ["mod", "download", "-json", module], options).toString();
  return (JSON.parse(output) as { Dir: string }).Dir;
}

export function findGo(): string {
  const go = ["go", "/usr/local/go/bin/go"].find((name) => spawnSync(name, ["version"]).status === 0);
  if (go !== undefined) return go;
  throw new Error(
    "Go is missing. `npm run check:chart` installs helm and kubeconform by `go install`, and takes Kubernetes' schemas " +
      "from Go's module proxy. Install Go 1.24 or newer (https://go.dev/doc/install) and run it again.",
  );
}
