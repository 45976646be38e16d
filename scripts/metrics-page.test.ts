import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { metricsPage } from "./metrics-page.ts";

test("docs/metrics.md is what the definitions say", () => {
  const committed = readFileSync(join(import.meta.dirname, "../docs/metrics.md"), "utf8");
  expect(committed, "run `node scripts/metrics-page.ts > docs/metrics.md`").toBe(metricsPage());
});
