import exec from "k6/execution";
import http from "k6/http";
import type { BotsOrder } from "../../bots/bots-order.ts";
import { BOT_URLS, SIGNAL_URLS } from "./settings.ts";

/** An order as a scenario writes it: where the bots go is the run's business. */
export type Order = Omit<BotsOrder, "urls">;

const JSON_BODY = { headers: { "content-type": "application/json" }, tags: { name: "bots" } };

/** Makes bots, by one bot process after the other. They begin to join at once. */
export function createBots(order: Order, turn: number): void {
  const url = BOT_URLS[turn % BOT_URLS.length];
  // Each bot begins with the next signal node.
  const urls = SIGNAL_URLS.map((_, i) => SIGNAL_URLS[(turn + i) % SIGNAL_URLS.length]);
  const response = http.post(`${url}/bots`, JSON.stringify({ ...order, urls }), JSON_BODY);
  if (response.status !== 202) exec.test.abort(`the bots refused an order: ${response.status} ${response.body}`);
}

/** Takes the oldest bots of a group out: so many of each process, or all. */
export function removeBots(
  choice: { readonly group?: string; readonly count?: number },
  how: "leave" | "vanish",
): void {
  for (const url of BOT_URLS) http.post(`${url}/bots/remove`, JSON.stringify({ ...choice, how }), JSON_BODY);
}
