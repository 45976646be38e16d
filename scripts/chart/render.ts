import { spawnSync } from "node:child_process";
import { parseAllDocuments } from "yaml";
import { KUBERNETES_VERSION } from "./chart-tools.ts";
import { CHART } from "./values-schema.ts";

/** A manifest, as far as checks look into it. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  // oxlint-disable-next-line typescript/no-explicit-any -- what stands below differs by kind; tests look where they expect it
  readonly [key: string]: any;
}

/** What `helm template` said. */
export interface Rendered {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Renders the chart with values on top of the defaults, as release "cation" in the namespace "media". */
export function render(helm: string, values: unknown, files: readonly string[] = []): Rendered {
  const args = ["template", "cation", CHART, "--namespace", "media", "--kube-version", KUBERNETES_VERSION];
  const fileArgs = [...files, "-"].flatMap((file) => ["--values", file]);
  const result = spawnSync(helm, [...args, ...fileArgs], {
    input: JSON.stringify(values),
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  return { ok: result.status === 0, stdout: result.stdout, stderr: result.stderr };
}

/** The manifests in what was rendered. Throws where rendering failed. */
export function manifestsOf({ ok, stdout, stderr }: Rendered): Manifest[] {
  if (!ok) throw new Error(stderr);
  return parseAllDocuments(stdout, { uniqueKeys: true }).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0] as Error;
    const manifest: unknown = document.toJS();
    return manifest === null ? [] : [manifest as Manifest];
  });
}
