import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dashboardFiles, DASHBOARDS_FOLDER } from "./dashboards.ts";

test("the chart's dashboards are what is written here", () => {
  const files = readdirSync(DASHBOARDS_FOLDER);
  const committed = Object.fromEntries(files.map((name) => [name, read(name)]));
  const wanted = Object.fromEntries(
    Object.entries(dashboardFiles()).map(([name, text]) => [name, JSON.parse(text) as unknown]),
  );
  expect(committed, "run `node scripts/chart/dashboards.ts && oxfmt`").toEqual(wanted);
});

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(DASHBOARDS_FOLDER, name), "utf8"));
}
