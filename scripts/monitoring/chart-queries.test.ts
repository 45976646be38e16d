import { expect, test } from "vitest";
import { alertRules, panelQueries, seriesOf } from "./chart-queries.ts";

test("the series of a rule are its metrics with any values of the labels that it names", () => {
  const expression = `sum(rate(a_total{namespace="n", code!~"OK|X"}[2m])) / sum(rate(a_total{namespace="n"}[2m])) > 0`;
  expect(seriesOf(expression)).toEqual([`a_total{namespace=~".+", code=~".+"}`, `a_total{namespace=~".+"}`]);
});

test("queries have no variables left, and every rule names series", () => {
  for (const { expression } of panelQueries(".*", "10s")) expect(expression).not.toContain("$");
  for (const { expression } of alertRules("cation")) expect(seriesOf(expression).length).toBeGreaterThan(0);
});
