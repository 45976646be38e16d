import { isIPv4, isIPv6 } from "node:net";
import type { RemoteAddress } from "./media-io.ts";

const MAPPED_PREFIX = "::ffff:";

/**
 * One spelling for each address, so that it can be looked up: IPv6 compressed and in lower case (RFC 5952), IPv4 as four
 * numbers even where a dual-stack socket reports it inside IPv6 (RFC 4291 §2.5.5.2). `undefined` for what is no address.
 */
export function canonicalAddress(address: string): string | undefined {
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return undefined;
  const zoneAt = address.indexOf("%");
  const zone = zoneAt < 0 ? "" : address.slice(zoneAt);
  const plain = zoneAt < 0 ? address : address.slice(0, zoneAt);
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  return (mappedIpv4(canonical) ?? canonical) + zone;
}

/** {@link canonicalAddress} of a whole remote; `undefined` also for a port outside 1 … 65535. */
export function canonicalRemote(remote: RemoteAddress): RemoteAddress | undefined {
  const address = canonicalAddress(remote.address);
  const { port, protocol } = remote;
  if (address === undefined || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return undefined;
  }
  return { protocol, address, port };
}

/** The address as Node reports it for a peer, in canonical form. Cheap: for every received datagram. */
export function peerAddress(address: string): string {
  return address.startsWith(MAPPED_PREFIX) ? (mappedIpv4(address) ?? address) : address;
}

/** The address as a socket of `family` takes it: IPv4 goes mapped into a dual-stack IPv6 socket. */
export function socketAddress(address: string, family: 4 | 6): string {
  return family === 6 && !address.includes(":") ? MAPPED_PREFIX + address : address;
}

/** Both spellings: ::ffff:1.2.3.4 and ::ffff:102:304. */
function mappedIpv4(address: string): string | undefined {
  if (!address.startsWith(MAPPED_PREFIX)) return undefined;
  const rest = address.slice(MAPPED_PREFIX.length);
  if (isIPv4(rest)) return rest;
  const groups = rest.split(":");
  if (groups.length !== 2) return undefined;
  const high = Number.parseInt(groups[0], 16);
  const low = Number.parseInt(groups[1], 16);
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}
