import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CHART, valuesSchema } from "./values-schema.ts";

test("the chart's values.schema.json is what values.yaml and the services' settings say", () => {
  const written = readFileSync(join(CHART, "values.schema.json"), "utf8");
  expect(written === valuesSchema(), "run `npm run check:chart -- --write`").toBe(true);
});
