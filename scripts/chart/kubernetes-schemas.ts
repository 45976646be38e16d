import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

type Json = Record<string, unknown>;

const REF = "#/definitions/";
const INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

/**
 * Writes JSON schemas for kubeconform (`<kind>-<group>-<version>.json`, one file each) out of Kubernetes' own OpenAPI
 * document. Unknown fields are refused: a misspelt one would be dropped silently by a real API server.
 */
export function writeKubernetesSchemas(swaggerFile: string, folder: string): void {
  const { definitions } = JSON.parse(readFileSync(swaggerFile, "utf8")) as { definitions: Record<string, Json> };
  mkdirSync(folder, { recursive: true });
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = (definition["x-kubernetes-group-version-kind"] ?? []) as Record<string, string>[];
    // Options and lists are of many groups at once, and not what charts hold.
    if (kinds.length !== 1) continue;
    const [{ group = "", version = "", kind = "" } = {}] = kinds;
    const reached = new Map<string, unknown>();
    collect(name, definitions, reached);
    const schema = { $ref: REF + name, definitions: Object.fromEntries(reached) };
    writeFileSync(join(folder, fileName(kind, group, version)), JSON.stringify(schema));
  }
}

/** The same out of files of CustomResourceDefinitions. */
export function writeCustomSchemas(crdFolder: string, folder: string): void {
  for (const file of readdirSync(crdFolder).filter((name) => name.endsWith(".yaml"))) {
    const crd = parse(readFileSync(join(crdFolder, file), "utf8")) as {
      spec: { group: string; names: { kind: string }; versions: { name: string; schema: { openAPIV3Schema: Json } }[] };
    };
    const { group, names, versions } = crd.spec;
    for (const { name, schema } of versions) {
      writeFileSync(join(folder, fileName(names.kind, group, name)), JSON.stringify(strict(schema.openAPIV3Schema)));
    }
  }
}

/** As kubeconform asks for it: the first part of the group, in small letters. */
function fileName(kind: string, group: string, version: string): string {
  const parts = [kind.toLowerCase(), ...(group === "" ? [] : [group.split(".")[0]]), version];
  return `${parts.join("-")}.json`;
}

function collect(name: string, definitions: Record<string, Json>, reached: Map<string, unknown>): void {
  if (reached.has(name)) return;
  const text = JSON.stringify(definitions[name] ?? {});
  reached.set(name, name === INT_OR_STRING ? { type: ["string", "integer"] } : strict(JSON.parse(text)));
  for (const [, inner] of text.matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g))
    collect(inner ?? "", definitions, reached);
}

/** Refuses fields that are not described, at every depth. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== "object" || schema === null) return schema;
  const own = schema as Json;
  if (own["x-kubernetes-int-or-string"] === true) return { type: ["string", "integer"] };
  const result: Json = Object.fromEntries(Object.entries(own).map(([key, value]) => [key, strict(value)]));
  const open = own["x-kubernetes-preserve-unknown-fields"] === true || "additionalProperties" in own;
  // A description of properties may itself have a property named "properties": only objects are meant.
  if (own["type"] === "object" && typeof own["properties"] === "object" && !open) {
    result["additionalProperties"] = false;
    result["properties"] = { apiVersion: {}, kind: {}, ...(result["properties"] as Json) };
  }
  return result;
}
