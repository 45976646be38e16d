import type { RemoteAddress } from "@cation/media-io/media-io";
import { isIP } from "node:net";

/** Reads "192.0.2.1", "192.0.2.1:7300", "2001:db8::1" or "[2001:db8::1]:7300"; undefined for what is none. */
export function parsePeerAddress(text: string, defaultPort: number): RemoteAddress | undefined {
  if (isIP(text) !== 0) return toAddress(text, defaultPort);
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) === 0 || !/^\d{1,5}$/.test(text.slice(colon + 1))) return undefined;
  return toAddress(host, Number(text.slice(colon + 1)));
}

function toAddress(address: string, port: number): RemoteAddress | undefined {
  return port > 0 && port <= 65_535 ? { protocol: "udp", address, port } : undefined;
}
