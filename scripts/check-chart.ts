/**
 * `npm run check:chart [-- --write]`: checks deploy/helm/cation. Installs helm and kubeconform by Go where they are not,
 * holds values.schema.json to values.yaml and the services' own settings (--write writes it), lints, renders a matrix of
 * values and all examples, validates each manifest against Kubernetes' own schemas, and runs the tests of what is
 * rendered. Not part of `npm test`, which must do without Go. The last line is one JSON object.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultCache, ensureChartTools, KUBERNETES_VERSION } from "./chart/chart-tools.ts";
import type { ChartTools } from "./chart/chart-tools.ts";
import { MATRIX } from "./chart/matrix.ts";
import { manifestsOf, render } from "./chart/render.ts";
import { CHART, valuesSchema } from "./chart/values-schema.ts";

const ROOT = join(import.meta.dirname, "..");
const SCHEMA_FILE = join(CHART, "values.schema.json");

interface Outcome {
  readonly name: string;
  readonly manifests: number;
  /** Empty where all is well. */
  readonly problems: string;
}

function checkSchemaFile(): Outcome {
  const same = readFileSync(SCHEMA_FILE, "utf8") === valuesSchema();
  const problems = same ? "" : "is not what values.yaml and the services say: run `npm run check:chart -- --write`";
  return { name: "values.schema.json", manifests: 0, problems };
}

function lint({ helm }: ChartTools): Outcome {
  const { status, stdout, stderr } = spawnSync(
    helm,
    ["lint", CHART, "--strict", "--kube-version", KUBERNETES_VERSION],
    { encoding: "utf8" },
  );
  return { name: "helm lint", manifests: 0, problems: status === 0 ? "" : `${stdout}${stderr}` };
}

/** Renders with values, and lets kubeconform look at each manifest. */
function validate(tools: ChartTools, name: string, values: object, files: readonly string[]): Outcome {
  const rendered = render(tools.helm, values, files);
  if (!rendered.ok) return { name, manifests: 0, problems: rendered.stderr };
  const { status, stdout, stderr } = spawnSync(
    tools.kubeconform,
    ["-strict", "-schema-location", tools.schemas, "-kubernetes-version", KUBERNETES_VERSION, "-"],
    { input: rendered.stdout, encoding: "utf8" },
  );
  const manifests = manifestsOf(rendered).length;
  return { name, manifests, problems: status === 0 ? "" : `${stdout}${stderr}` };
}

function runTests(tools: ChartTools): Outcome {
  const { status } = spawnSync(
    process.execPath,
    [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", "--config", join(ROOT, "scripts/chart/vitest.config.ts")],
    { cwd: ROOT, stdio: "inherit", env: { ...process.env, CHART_HELM: tools.helm } },
  );
  return { name: "tests of what is rendered", manifests: 0, problems: status === 0 ? "" : "failed, see above" };
}

function main(): void {
  // First, since it needs no Go.
  if (process.argv.includes("--write")) writeFileSync(SCHEMA_FILE, valuesSchema());
  const tools = ensureChartTools(defaultCache(process.env), (line) => console.log(line));
  const examples = readdirSync(join(CHART, "examples")).map((name) => join(CHART, "examples", name));
  const outcomes = [
    checkSchemaFile(),
    lint(tools),
    ...Object.entries(MATRIX).map(([name, values]) => validate(tools, name, values, [])),
    ...examples.map((file) => validate(tools, `example ${file.split("/").at(-1)}`, {}, [file])),
    runTests(tools),
  ];
  for (const { name, manifests, problems } of outcomes) {
    console.log(`${problems === "" ? "✓" : "✗"} ${name}${manifests > 0 ? `: ${manifests} manifests` : ""}`);
    if (problems !== "") console.log(problems.replaceAll(/^/gm, "    "));
  }
  const failed = outcomes.filter(({ problems }) => problems !== "").length;
  const manifests = outcomes.reduce((sum, outcome) => sum + outcome.manifests, 0);
  console.log(JSON.stringify({ ok: failed === 0, checks: outcomes.length, failed, manifests }));
  if (failed > 0) process.exitCode = 1;
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
