import { expect, it, vi } from "vitest";
import { Emitter } from "./emitter.ts";

class Bell extends Emitter<{ rung: [times: number] }> {
  ring(times: number): void {
    this.emit("rung", times);
  }
}

it("calls listeners in order until they are taken away, also by each other", () => {
  const bell = new Bell();
  const heard: string[] = [];
  const stopFirst = bell.on("rung", (times) => {
    heard.push(`first ${times}`);
    stopFirst();
  });
  bell.on("rung", (times) => heard.push(`second ${times}`));
  bell.ring(1);
  bell.ring(2);
  expect(heard).toEqual(["first 1", "second 1", "second 2"]);
});

it("a listener that throws is reported and does not keep the others from hearing", () => {
  const reported: unknown[] = [];
  const report = vi.spyOn(globalThis, "queueMicrotask").mockImplementation((callback) => {
    try {
      callback();
    } catch (error) {
      reported.push(error);
    }
  });
  const bell = new Bell();
  const heard: number[] = [];
  bell.on("rung", () => {
    throw new Error("deaf");
  });
  bell.on("rung", (times) => heard.push(times));
  bell.ring(3);
  report.mockRestore();
  expect(heard).toEqual([3]);
  expect(reported).toMatchObject([{ message: "deaf" }]);
});
