import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bots } from "./harness/bots.ts";
import { TestBrowser } from "./harness/browser.ts";
import { TestCluster } from "./harness/cluster.ts";

const TOKEN = "an admin token of more than 32 characters";
const ROOM = "assembly hall";

/** What an operator sees and does, on a cluster with a call over two nodes. */
describe("the admin page", () => {
  let cluster: TestCluster;
  let browser: TestBrowser;
  let page: Page;
  let ada: Bots;
  let grace: Bots;

  beforeAll(async () => {
    [cluster, browser] = await Promise.all([
      TestCluster.start({ signals: 1, islbs: 1, sfus: 3, env: { signal: { CATION_SIGNAL_ADMIN_TOKEN: TOKEN } } }),
      TestBrowser.launch(),
    ]);
    const place = { url: cluster.signalUrl(0), room: ROOM, count: 1 };
    ada = new Bots({ ...place, identity: "ada", nodeId: "sfu-1" });
    grace = new Bots({ ...place, identity: "grace", nodeId: "sfu-2" });
    page = await (await browser.newContext({ viewport: { width: 1180, height: 900 } })).newPage();
  });
  afterAll(async () => {
    await Promise.all([ada?.finish(), grace?.finish()]);
    await browser?.close();
    await cluster?.stop();
  });

  it("lets in whoever has the token, and nobody else", async () => {
    await page.goto(`${cluster.signalUrl(0)}/admin`);
    await page.getByTestId("admin-token").fill("a guess");
    await page.getByTestId("admin-enter").click();
    await page.getByText("That is not the admin token.").waitFor();
    await page.getByTestId("admin-token").fill(TOKEN);
    await page.getByTestId("admin-enter").click();
    await page.getByTestId("admin").waitFor();
  });

  it("shows the nodes and the rooms", async () => {
    for (const nodeId of ["sfu-1", "sfu-2", "sfu-3"]) await page.getByTestId(`admin-node-${nodeId}`).waitFor();
    await page.getByTestId(`admin-room-${ROOM}`).getByText("2 participants").waitFor();
  });

  it("draws how a room's tracks travel, and says how everybody fares", async () => {
    await page.getByTestId(`admin-room-${ROOM}`).click();
    // A level line has no height, and does not count as visible.
    await page.getByTestId("relay-link-sfu-1-sfu-2").waitFor({ state: "attached" });
    await page.getByTestId("relay-link-sfu-2-sfu-1").waitFor({ state: "attached" });
    // It lives: packets a second appear with the second look.
    await page
      .getByText(/2 tracks · .*p\/s/)
      .first()
      .waitFor();
    const row = page.getByTestId("admin-participant-grace-1");
    await row.getByText("sfu-2").waitFor();
    await row
      .getByText(/2 · \d+ kb\/s/)
      .first()
      .waitFor();
    await row.getByText(/Good|Fair|Poor/).waitFor({ timeout: 20_000 });
  });

  it("removes somebody, once that is confirmed", async () => {
    await page.getByTestId("admin-participant-grace-1").getByTestId("admin-remove").click();
    await page.getByTestId("admin-confirm").click();
    await page.getByTestId("admin-participant-grace-1").waitFor({ state: "detached" });
    const [report] = await grace.finish();
    expect(report?.ended).toContain("PARTICIPANT_REMOVED");
  });

  it("drains a node, which then takes nobody new", async () => {
    await page.getByRole("button", { name: "Cluster", exact: true }).click();
    const node = page.getByTestId("admin-node-sfu-3");
    await node.getByTestId("admin-drain").click();
    await page.getByTestId("admin-confirm").click();
    await node.getByText("draining").waitFor();
    expect(await node.getByTestId("admin-drain").isDisabled()).toBe(true);
  });
});
