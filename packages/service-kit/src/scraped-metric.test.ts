import { expect, test } from "vitest";
import { createMetricsRegistry, mergeRegistries } from "./metrics.ts";
import { addScrapedCounter, addScrapedGauge, addScrapedHistogram } from "./scraped-metric.ts";

test("figures that are kept elsewhere are read at each scrape", async () => {
  const registry = createMetricsRegistry("sfu");
  let count = 1;
  addScrapedCounter(registry, { name: "drops_total", help: "Drops.", labelNames: ["stage"] }, () => [
    { labels: { stage: "send" }, value: count },
  ]);
  addScrapedGauge(registry, { name: "rooms", help: "Rooms." }, () => Promise.resolve([{ value: 3 }]));
  const delay = { name: "delay_seconds", help: "Delay.", labelNames: ["direction"], bounds: [0.1, 1] };
  addScrapedHistogram(registry, delay, () => [{ labels: { direction: "in" }, counts: [2, 1, 4], sum: 9 }]);

  const lines = async () => (await (await mergeRegistries([registry])).metrics()).split("\n");
  expect(await lines()).toEqual([
    "# HELP drops_total Drops.",
    "# TYPE drops_total counter",
    'drops_total{stage="send",service="sfu"} 1',
    "",
    "# HELP rooms Rooms.",
    "# TYPE rooms gauge",
    'rooms{service="sfu"} 3',
    "",
    "# HELP delay_seconds Delay.",
    "# TYPE delay_seconds histogram",
    'delay_seconds_bucket{direction="in",le="0.1",service="sfu"} 2',
    'delay_seconds_bucket{direction="in",le="1",service="sfu"} 3',
    'delay_seconds_bucket{direction="in",le="+Inf",service="sfu"} 7',
    'delay_seconds_sum{direction="in",service="sfu"} 9',
    'delay_seconds_count{direction="in",service="sfu"} 7',
    "",
  ]);
  count = 5;
  expect(await lines()).toContain('drops_total{stage="send",service="sfu"} 5');
});

test("a histogram that never counted anything shows empty buckets", async () => {
  const registry = createMetricsRegistry("sfu");
  addScrapedHistogram(registry, { name: "x", help: "X.", bounds: [1] }, () => [{ counts: [], sum: 0 }]);
  expect(await registry.metrics()).toContain('x_bucket{le="+Inf",service="sfu"} 0');
});
