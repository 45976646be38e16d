import { expect, test } from "vitest";
import { DROP_REASON_NAMES, DropCounters, DropReason } from "./drop-reason.ts";

test("each reason has a number of its own, which is the index of its name", () => {
  for (const [name, number] of Object.entries(DropReason)) {
    expect(DROP_REASON_NAMES[number]).toBe(name.toLowerCase().replaceAll("_", "-"));
  }
  expect(new Set(DROP_REASON_NAMES).size).toBe(DROP_REASON_NAMES.length);
});

test("counts by name, zeros left out", () => {
  const drops = new DropCounters();
  drops.add(DropReason.DUPLICATE);
  drops.add(DropReason.DUPLICATE);
  expect(drops.snapshot()).toEqual({ duplicate: 2 });
});
