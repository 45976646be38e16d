import { expect, it } from "vitest";
import { SampleLog } from "./sample-log.ts";
import type { Sample } from "./sample-log.ts";

const sample = (bot: number): Sample => ({ kind: "ended", reason: "", atMs: 0, bot, group: "" });

it("gives each reader what came since its own cursor", () => {
  const log = new SampleLog(10);
  for (let bot = 0; bot < 4; bot++) log.add(sample(bot));
  const first = log.read(0, 3);
  expect(first.samples.map(({ bot }) => bot)).toEqual([0, 1, 2]);
  expect(log.read(first.cursor, 100)).toMatchObject({ cursor: 4, lost: 0, samples: [sample(3)] });
  expect(log.read(4, 100)).toEqual({ cursor: 4, lost: 0, samples: [] });
  expect(log.read(0, 100).samples).toHaveLength(4);
});

it("tells a slow reader how many it missed", () => {
  const log = new SampleLog(4);
  for (let bot = 0; bot < 10; bot++) log.add(sample(bot));
  expect(log.read(3, 100)).toMatchObject({ cursor: 10, lost: 3 });
  expect(log.read(3, 100).samples.map(({ bot }) => bot)).toEqual([6, 7, 8, 9]);
});
