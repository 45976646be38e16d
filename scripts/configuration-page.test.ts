import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configurationPage } from "./configuration-page.ts";

test("docs/configuration.md is what the schemas say", () => {
  const committed = readFileSync(join(import.meta.dirname, "../docs/configuration.md"), "utf8");
  expect(committed, "run `node scripts/configuration-page.ts > docs/configuration.md`").toBe(configurationPage());
});
