/**
 * `npm run check:cluster`: installs the chart into a real Kubernetes API server (etcd from Debian's packages,
 * kube-apiserver built by Go, both on loopback), with the custom resources of the Prometheus operator and KEDA. Each set
 * of values is installed, upgraded and removed by helm; each manifest, and the pod of each workload, is judged by the
 * server with strict field validation, pods also under the pod security level that they are meant for. There are no
 * controllers: nothing runs. Needs Go. The last line is one JSON object.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { ApiServer } from "./chart/api-server.ts";
import { buildApiServer } from "./chart/build-api-server.ts";
import { defaultCache, ensureChartTools, KEDA, moduleFolder, PROMETHEUS_OPERATOR } from "./chart/chart-tools.ts";
import { MATRIX } from "./chart/matrix.ts";
import { manifestsOf, render } from "./chart/render.ts";
import type { Manifest } from "./chart/render.ts";
import { CHART } from "./chart/values-schema.ts";
import { ensureTools } from "./ensure-tools.ts";
import { thisMachine } from "./machine.ts";
import { OPERATION_TOOLS } from "./test-tools.ts";

/** Namespaces by pod security level (Pod Security Standards): what needs the host's network is not restricted. */
const LEVELS = ["privileged", "restricted"] as const;
const RELEASE = "cation";

interface Case {
  readonly name: string;
  readonly values: object;
  readonly files: readonly string[];
}

interface Outcome {
  readonly name: string;
  readonly manifests: number;
  readonly pods: number;
  readonly problems: readonly string[];
}

async function main(): Promise<void> {
  ensureTools(
    OPERATION_TOOLS.filter(({ program }) => program === "etcd"),
    thisMachine(),
  );
  const cache = defaultCache(process.env);
  const { helm } = ensureChartTools(cache, console.log);
  const server = await ApiServer.start(buildApiServer(cache, console.log));
  try {
    await prepare(server);
    const outcomes: Outcome[] = [];
    for (const one of listCases()) outcomes.push(await check(server, helm, one));
    await report(server, outcomes);
  } finally {
    await server.stop();
  }
}

function listCases(): readonly Case[] {
  const examples = readdirSync(join(CHART, "examples"));
  return [
    ...Object.entries(MATRIX).map(([name, values]) => ({ name, values, files: [] })),
    ...examples.map((file) => ({ name: `example ${file}`, values: {}, files: [join(CHART, "examples", file)] })),
  ];
}

/** Custom resources that the chart can use, and a namespace of each level. */
async function prepare(server: ApiServer): Promise<void> {
  const folders = [
    join(moduleFolder(PROMETHEUS_OPERATOR), "example/prometheus-operator-crd"),
    join(moduleFolder(KEDA), "config/crd/bases"),
  ];
  for (const folder of folders) {
    for (const file of readdirSync(folder).filter((name) => name.endsWith(".yaml"))) {
      for (const document of parseAllDocuments(readFileSync(join(folder, file), "utf8"))) {
        await create(server, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", document.toJS());
      }
    }
  }
  for (const level of LEVELS) {
    const labels = { "pod-security.kubernetes.io/enforce": level };
    await create(server, "/api/v1/namespaces", { metadata: { name: level, labels } });
  }
  await server.call("GET", "/apis/keda.sh/v1alpha1");
}

async function create(server: ApiServer, path: string, body: unknown): Promise<void> {
  const { status, body: answer } = await server.call("POST", path, body);
  if (status >= 300) throw new Error(`${path}: ${answer.message ?? status}`);
}

async function check(server: ApiServer, helm: string, { name, values, files }: Case): Promise<Outcome> {
  const manifests = manifestsOf(render(helm, values, files));
  const problems: string[] = [];
  for (const manifest of manifests) {
    const problem = await server.judge(manifest, "privileged");
    if (problem !== undefined) problems.push(problem);
  }
  const pods = manifests.flatMap(podsOf);
  for (const command of ["install", "upgrade", "uninstall"]) {
    const problem = runHelm(server, helm, command, values, files);
    if (problem !== "") problems.push(`helm ${command}: ${problem}`);
    if (command !== "install") continue;
    // Now that what they refer to is there.
    for (const pod of pods) {
      const refused = await server.judge(pod, levelOf(pod));
      if (refused !== undefined) problems.push(refused);
    }
  }
  const outcome = { name, manifests: manifests.length, pods: pods.length, problems };
  console.log(`${problems.length === 0 ? "✓" : "✗"} ${name}: ${manifests.length} manifests, ${pods.length} pods`);
  for (const problem of problems) console.log(`    ${problem}`);
  return outcome;
}

function runHelm(server: ApiServer, helm: string, command: string, values: object, files: readonly string[]): string {
  const place = [RELEASE, "--namespace", "privileged", "--kubeconfig", server.kubeconfig];
  const chart = [CHART, ...[...files, "-"].flatMap((file) => ["--values", file])];
  const args = command === "uninstall" ? [command, ...place] : [command, place[0] ?? "", ...chart, ...place.slice(1)];
  const { status, stderr } = spawnSync(helm, args, { input: JSON.stringify(values), encoding: "utf8" });
  return status === 0 ? "" : stderr.trim();
}

/** The pods that a workload would make: nobody makes them here. */
function podsOf(manifest: Manifest): Manifest[] {
  if (manifest.kind === "Pod") return [manifest];
  const template = manifest["spec"]?.template;
  if (template?.spec?.containers === undefined) return [];
  const metadata = { ...template.metadata, name: `${manifest.metadata.name}-0` };
  return [{ apiVersion: "v1", kind: "Pod", metadata, spec: template.spec }];
}

/** Only the host's network, its ports, or what tunes it, are reasons not to be restricted. */
function levelOf(pod: Manifest): (typeof LEVELS)[number] {
  const { hostNetwork, containers = [], initContainers = [] } = pod["spec"];
  const ports = [...containers, ...initContainers].flatMap(({ ports: own = [] }) => own);
  const usesHost = hostNetwork === true || ports.some(({ hostPort }: { hostPort?: number }) => hostPort !== undefined);
  return usesHost ? "privileged" : "restricted";
}

async function report(server: ApiServer, outcomes: readonly Outcome[]): Promise<void> {
  const { body } = await server.call("GET", "/version");
  const failed = outcomes.filter(({ problems }) => problems.length > 0).length;
  const sum = (key: "manifests" | "pods"): number => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  console.log(
    JSON.stringify({
      ok: failed === 0,
      server: body["gitVersion"],
      cases: outcomes.length,
      failed,
      manifests: sum("manifests"),
      pods: sum("pods"),
    }),
  );
  if (failed > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
