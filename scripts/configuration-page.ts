/** Prints docs/configuration.md from the schemas of the services. `node scripts/configuration-page.ts > docs/configuration.md` */
import { ISLB_CONFIG_PREFIX, islbConfigSchema } from "@cation/islb/islb-config";
import { SFU_CONFIG_PREFIX, sfuConfigSchema } from "@cation/sfu/sfu-config";
import { toEnvName } from "@cation/service-kit/config";
import { SIGNAL_CONFIG_PREFIX, signalConfigSchema } from "@cation/signal/signal-config";
import { isMain } from "./is-main.ts";

/** What this page needs of a JSON schema. */
interface Setting {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
  readonly secret?: boolean;
}

const SERVICES = [
  { name: "signal", prefix: SIGNAL_CONFIG_PREFIX, schema: signalConfigSchema },
  { name: "islb", prefix: ISLB_CONFIG_PREFIX, schema: islbConfigSchema },
  { name: "sfu", prefix: SFU_CONFIG_PREFIX, schema: sfuConfigSchema },
] as const;

const INTRODUCTION = `# Configuration

Every setting is an environment variable, read once at the start; lists are written with commas, objects as JSON. A wrong value, and an unknown name with a service's prefix, stops the start with the name, the value and what is allowed. Embedded mode (\`npm start\`) takes them all.

This page is made from the schemas (\`node scripts/configuration-page.ts > docs/configuration.md\`); a test holds it to them.
`;

/** The page as it should be. */
export function configurationPage(): string {
  const sections = SERVICES.map(({ name, prefix, schema }) => {
    const rows = Object.entries(schema.properties as Record<string, Setting>).map(
      ([key, setting]) =>
        `| \`${prefix}${toEnvName(key)}\` | ${valuesOf(setting)} | ${defaultOf(setting)} | ${textOf(setting)} |`,
    );
    return `## ${name}\n\n| variable | values | default | meaning |\n|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return `${INTRODUCTION}\n${sections.join("\n")}`;
}

function valuesOf({ type, enum: choices, minimum, maximum }: Setting): string {
  if (choices !== undefined) return choices.map((choice) => `\`${String(choice)}\``).join(", ");
  if (minimum !== undefined && maximum !== undefined) return `${minimum} … ${maximum}`;
  if (minimum !== undefined) return `from ${minimum}`;
  return type === "array" ? "list" : (type ?? "");
}

function defaultOf({ default: value }: Setting): string {
  if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return "";
  return `\`${Array.isArray(value) ? value.join(",") : String(value)}\``;
}

function textOf({ description, secret }: Setting): string {
  const text = (description ?? "").replaceAll("|", "\\|");
  return secret === true ? `${text} Never logged.`.trim() : text;
}

if (isMain(import.meta.url)) process.stdout.write(configurationPage());
