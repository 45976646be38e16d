import { expect, test } from "vitest";
import { BoundedQueue } from "./bounded-queue.ts";

test("items come in order, before and after they are awaited; the end comes last", async () => {
  const queue = new BoundedQueue<number>(2);
  expect([queue.push(1), queue.push(2), queue.push(3)]).toEqual([true, true, false]);
  const seen: number[] = [];
  const reader = (async () => {
    for await (const item of queue) seen.push(item);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  expect([queue.push(4), queue.push(5)]).toEqual([true, true]);
  queue.end();
  queue.end();
  expect(queue.push(6)).toBe(false);
  await reader;
  expect(seen).toEqual([1, 2, 4, 5]);
});
