import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadIslbConfig } from "@cation/islb/islb-config";
import { systemClock } from "@cation/service-kit/clock";
import { createLogger } from "@cation/service-kit/logger";
import { loadSfuConfig } from "@cation/sfu/sfu-config";
import { loadSignalConfig } from "@cation/signal/signal-config";
import { expect, test } from "vitest";
import { createEmbedded } from "./create-embedded.ts";

async function scrape(): Promise<string> {
  const embedded = await createEmbedded({
    signal: loadSignalConfig({
      CATION_SIGNAL_MODE: "development",
      CATION_SIGNAL_HTTP_HOST: "127.0.0.1",
      CATION_SIGNAL_HTTP_PORT: "0",
    }),
    islb: loadIslbConfig({}),
    sfu: loadSfuConfig({
      CATION_SFU_MODE: "development",
      CATION_SFU_MEDIA_HOST: "127.0.0.1",
      CATION_SFU_MEDIA_PORT: "0",
      CATION_SFU_MEDIA_BACKEND: "typescript",
      CATION_SFU_METRICS_LABELS: "participant",
    }),
    clock: systemClock,
    random: Math.random,
    loggerFor: (service) => createLogger({ service, level: "silent" }),
  });
  await embedded.start();
  try {
    return await (await fetch(`http://127.0.0.1:${embedded.port}/metrics`)).text();
  } finally {
    await embedded.close();
  }
}

test("docs/metrics.md lists what /metrics prints, by name, type and meaning", async () => {
  const text = await scrape();
  const helps = new Map([...text.matchAll(/^# HELP (cation_\S+) (.*)$/gm)].map(([, name, help]) => [name, help]));
  const printed = [...text.matchAll(/^# TYPE (cation_\S+) (\S+)$/gm)].map(([, name = "", type]) => ({
    name,
    type,
    help: helps.get(name),
  }));
  const page = readFileSync(join(import.meta.dirname, "../../../docs/metrics.md"), "utf8");
  const listed = [...page.matchAll(/^\| `(cation_\w+)` \| (\w+) \| [^|]* \| (.*?)(?: Buckets: .*)? \|$/gm)].map(
    ([, name, type, help]) => ({ name, type, help }),
  );
  const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }): number =>
    (a.name ?? "").localeCompare(b.name ?? "");
  expect(printed.toSorted(byName)).toEqual(listed.toSorted(byName));
  expect(printed.length).toBeGreaterThan(50);
});
