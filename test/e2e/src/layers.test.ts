import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { TestBrowser } from "./harness/browser.ts";
import { TestCluster } from "./harness/cluster.ts";
import { report } from "./harness/expectations.ts";
import { Guest } from "./harness/guest.ts";
import { measurePage, readReceivedVideoCodecs, sendToSignal } from "./harness/page-probe.ts";

/** Above all that the SDK uses. */
const FIRST_REQUEST_ID = 4_000_000_000;
const LOOK_MS = 500;
const PATIENCE_MS = 20_000;

/** What one viewer asks for changes what it gets: codec by codec, from one node to the other. */
describe("layers over two nodes", () => {
  let cluster: TestCluster;
  let browser: TestBrowser;
  let requestId = FIRST_REQUEST_ID;

  beforeAll(async () => {
    [cluster, browser] = await Promise.all([TestCluster.start(), TestBrowser.launch()]);
  });
  afterEach(() => browser.closePages());
  afterAll(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  /** Waits until the picture of Ada has that height; how long it took. */
  const untilHeight = async (guest: Guest, height: number): Promise<number> => {
    const startMs = performance.now();
    for (;;) {
      const { tiles } = await measurePage(guest.page, LOOK_MS);
      const tile = tiles.find(({ name }) => name === "Ada");
      if (tile?.height === height && tile.changes > 0) return Math.round(performance.now() - startMs);
      if (performance.now() - startMs > PATIENCE_MS) throw new Error(`no ${height} lines, but ${JSON.stringify(tile)}`);
    }
  };

  it.each([
    ["vp8", "video/VP8"],
    ["h264", "video/H264"],
    ["vp9", "video/VP9"],
    ["av1", "video/AV1"],
  ] as const)("%s: the picture is decoded, gets smaller and larger again", async (codec, mimeType) => {
    onTestFailed(() => console.log(cluster.log.toString()));
    const room = `layers-${codec}`;
    const ada = await Guest.open(browser, {
      ...{ url: cluster.signalUrl(0), room, name: "Ada", nodeId: "sfu-1", video: "360p", codec },
    });
    onTestFailed(() => console.log(ada.log.join("\n")));
    await ada.enter();
    const grace = await Guest.join(browser, {
      ...{ url: cluster.signalUrl(1), room, name: "Grace", nodeId: "sfu-2", video: "180p" },
    });
    await grace.seePicture("Ada");
    const wholeAfterMs = await untilHeight(grace, 360);
    expect(await readReceivedVideoCodecs(grace.page)).toContain(mimeType);

    const { producers } = await cluster.node("sfu-1").inspect(room);
    // Of Ada's two tracks the picture is the larger one.
    const local = producers.filter(({ origin }) => origin === "local").sort((a, b) => a.bytes - b.bytes);
    const video = local.at(-1);
    const wish = async (maxSpatialId: number): Promise<void> => {
      const value = {
        trackId: video?.trackId ?? "",
        subscribed: true,
        paused: false,
        maxSpatialId,
        maxTemporalId: undefined,
        width: undefined,
        height: undefined,
        maxFrameRate: undefined,
        priority: 0 as const,
      };
      await sendToSignal(grace.page, { $case: "setSubscription", value }, requestId++);
    };
    await wish(0);
    const downAfterMs = await untilHeight(grace, 180);
    await wish(1);
    const upAfterMs = await untilHeight(grace, 360);
    const { tiles } = await measurePage(grace.page, 2_000);
    report(codec, { wholeAfterMs, downAfterMs, upAfterMs, tiles: tiles.filter(({ name }) => name === "Ada") });
    expect(ada.log.filter((line) => line.startsWith("uncaught"))).toEqual([]);
  });
});
