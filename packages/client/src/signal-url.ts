const WEBSOCKET_SCHEMES: Readonly<Record<string, string>> = { "http:": "ws:", "https:": "wss:" };

/** The WebSocket address of a signal node: http becomes ws, https wss, and a bare host gets the path `/rtc`. */
export function signalUrl(address: string): string {
  const url = new URL(address);
  const scheme = WEBSOCKET_SCHEMES[url.protocol];
  if (scheme !== undefined) url.protocol = scheme;
  if (url.pathname === "/") url.pathname = "/rtc";
  return url.href;
}
