import { afterAll, beforeAll, expect, test } from "vitest";
import { TestBrowser } from "./harness/browser.ts";
import { TestEmbedded } from "./harness/embedded.ts";
import { Guest } from "./harness/guest.ts";
import { TurnServer } from "./harness/turn-server.ts";

const SECRET = "a secret that signal and coturn share";

let turn: TurnServer;
let server: TestEmbedded;
let browser: TestBrowser;

beforeAll(async () => {
  turn = await TurnServer.start(SECRET);
  const signal = { CATION_SIGNAL_TURN_URLS: turn.url, CATION_SIGNAL_TURN_SECRET: SECRET };
  [server, browser] = await Promise.all([TestEmbedded.start({ signal }), TestBrowser.launch()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await turn?.stop();
});

/** In the page: peer connections use relayed candidates alone. */
const RELAY_ONLY = `
  const Original = RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Original {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: "relay" });
    }
  };
`;

/** Somebody whose network lets nothing out but to the TURN server. */
async function joinByTurnOnly(name: string): Promise<Guest> {
  const guest = await Guest.open(browser, { url: server.url, room: "behind a wall", name, video: "180p" });
  await guest.page.addInitScript({ content: RELAY_ONLY });
  await guest.page.reload();
  await guest.enter();
  return guest;
}

test("clients that reach nothing but coturn are in a call, by credentials that signal gave them", async () => {
  const [ada, grace] = await Promise.all([joinByTurnOnly("Ada"), joinByTurnOnly("Grace")]);
  await Promise.all([ada.seePicture("Grace"), grace.seePicture("Ada")]);
  // User names are the time of their end and whom they were given to.
  const allocated = turn.lines.filter((line) => /ALLOCATE processed, success/.test(line));
  expect(allocated.length).toBeGreaterThanOrEqual(4);
  for (const line of allocated) expect(line).toMatch(/user <\d{10}:[^>]+>/);
  expect(turn.lines.filter((line) => /error 4\d\d/.test(line) && !/error 401: Unauthorized/.test(line))).toEqual([]);
});
