import { describe, expect, it } from "vitest";
import { AdaptiveStream } from "./adaptive-stream.ts";
import { FakeClock } from "./testing/fake-clock.ts";

function setUp() {
  const clock = new FakeClock(0);
  const callbacks: ((width: number, height: number) => void)[] = [];
  const wishes: object[] = [];
  const stream = new AdaptiveStream({
    watcher: { watch: (_element, callback) => (callbacks.push(callback), () => undefined) },
    setTimer: (callback, delayMs) => clock.setTimer(callback, delayMs),
    wish: (trackId, wish) => wishes.push({ trackId, ...wish }),
  });
  return { clock, callbacks, wishes, stream };
}

const element = {} as Element;

describe("an adaptive stream", () => {
  it("asks for the size that is shown, in steps, once it has settled", async () => {
    const { clock, callbacks, wishes, stream } = setUp();
    stream.observe("t1", element);
    for (const width of [100, 200, 317]) callbacks[0](width, 180);
    await clock.advance(250);
    expect(wishes).toEqual([{ trackId: "t1", paused: false, width: 320, height: 192 }]);
    callbacks[0](319, 181);
    await clock.advance(250);
    expect(wishes).toHaveLength(1);
  });

  it("asks for nothing while nothing can be seen, and for the largest of several elements", async () => {
    const { clock, callbacks, wishes, stream } = setUp();
    const stopFirst = stream.observe("t1", element);
    const stopSecond = stream.observe("t1", element);
    callbacks[0](160, 96);
    callbacks[1](640, 368);
    await clock.advance(250);
    expect(wishes.splice(0)).toEqual([{ trackId: "t1", paused: false, width: 640, height: 368 }]);
    stopSecond();
    await clock.advance(250);
    expect(wishes.splice(0)).toEqual([{ trackId: "t1", paused: false, width: 160, height: 96 }]);
    callbacks[0](0, 0);
    await clock.advance(250);
    expect(wishes.splice(0)).toEqual([{ trackId: "t1", paused: true }]);
    stopFirst();
    await clock.advance(250);
    expect(wishes).toEqual([]);
  });

  it("says nothing of a track that is gone", async () => {
    const { clock, callbacks, wishes, stream } = setUp();
    const stop = stream.observe("t1", element);
    callbacks[0](160, 96);
    stream.forget("t1");
    stop();
    await clock.advance(1_000);
    expect(wishes).toEqual([]);
  });
});
