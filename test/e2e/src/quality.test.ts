import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TestBrowser } from "./harness/browser.ts";
import { TestEmbedded } from "./harness/embedded.ts";
import { Guest } from "./harness/guest.ts";

/** What a person sees of how well the call works, and what they choose to see large. */
describe("quality and layout", () => {
  let server: TestEmbedded;
  let browser: TestBrowser;

  beforeAll(async () => {
    [server, browser] = await Promise.all([TestEmbedded.start(), TestBrowser.launch()]);
  });
  afterEach(() => browser.closePages());
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const join = (room: string, name: string) =>
    Guest.join(browser, { url: server.url, room, name, video: "180p" } as const);

  it("shows how well each connection works, and figures to those who ask", async () => {
    const [ada, grace] = await Promise.all([join("quality", "Ada"), join("quality", "Grace")]);
    await Promise.all([ada.seePicture("Grace"), grace.seePicture("Ada")]);
    const bars = ada.tile("Grace").getByTestId("quality");
    await bars.waitFor({ timeout: 20_000 });
    expect(await bars.getAttribute("aria-label")).toMatch(/^Connection is (very )?good/);
    expect(Number(await bars.getAttribute("data-bars"))).toBeGreaterThanOrEqual(3);

    await ada.page.getByTestId("statistics-button").click();
    const panel = ada.page.locator(".p-drawer");
    await panel.waitFor();
    const row = panel.locator('[data-testid="statistics-row"]', { hasText: "Grace" }).filter({ hasText: "Camera" });
    await expect.poll(() => row.textContent(), { timeout: 15_000 }).toMatch(/\d (kb|Mb)\/s.*320 × 180, \d+ fps.*lost/);
    const own = panel.locator('[data-testid="statistics-row"]', { hasText: "You" }).filter({ hasText: "Microphone" });
    await expect.poll(() => own.textContent(), { timeout: 15_000 }).toMatch(/\d kb\/s/);
    await ada.page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });
  });

  it("shows large whom the person pins, else who speaks, else everybody alike", async () => {
    const ada = await join("layout", "Ada");
    await Promise.all([join("layout", "Grace"), join("layout", "Edith")]);
    await Promise.all([ada.seePicture("Grace"), ada.seePicture("Edith")]);
    const large = ada.page.locator('[data-testid="tile"][data-large="true"]');
    expect(await large.count()).toBe(0);
    await ada.tile("Grace").hover();
    await ada.tile("Grace").getByTestId("pin").click();
    await expect.poll(() => large.getAttribute("data-name")).toBe("Grace");
    const sizeOf = async (name: string) => (await ada.tile(name).boundingBox())?.width ?? 0;
    expect(await sizeOf("Grace")).toBeGreaterThan(2 * (await sizeOf("Edith")));
    // It goes on moving, though its element is another one.
    await ada.seePicture("Grace");
    await ada.tile("Grace").getByTestId("pin").click();
    await expect.poll(() => large.count()).toBe(0);
    await ada.page.getByTestId("layout-speaker").click();
    // Both beep: one of them dominates.
    await expect.poll(() => large.getAttribute("data-name")).toMatch(/Grace|Edith/);
    await ada.page.getByTestId("layout-grid").click();
    await expect.poll(() => large.count()).toBe(0);
  });

  it("sends nothing that nobody watches, and everything again as soon as somebody does", async () => {
    const ada = await join("demand", "Ada");
    const grace = await join("demand", "Grace");
    await grace.seePicture("Ada");
    await grace.leave();
    const demanded = async () => {
      const { producers } = await server.node.inspect("demand");
      return Math.min(...producers.map(({ demandedSpatialId }) => demandedSpatialId));
    };
    const bitrate = async () => {
      const { producers } = await server.node.inspect("demand");
      // Sound is sent on.
      return producers.flatMap(({ layerBitratesBps }) => layerBitratesBps).reduce((sum, bps) => sum + bps, 0);
    };
    await expect.poll(demanded, { timeout: 10_000 }).toBeLessThan(0);
    await expect.poll(bitrate, { timeout: 10_000 }).toBeLessThan(100_000);
    const edith = await join("demand", "Edith");
    await edith.seePicture("Ada", "person", 5_000);
    await ada.seePicture("Edith");
  });
});
