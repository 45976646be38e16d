import type { NetworkInterfaceInfo } from "node:os";

/** Interfaces by name, as os.networkInterfaces() lists them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * Addresses at which other machines may reach this one: IPv4 first, without loopback and without link-local ones (RFC
 * 3927, RFC 4291 §2.5.6), which need a zone that neither a link nor SDP can name.
 */
export function findLanAddresses(interfaces: Interfaces): string[] {
  const usable = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("169.254.") && !/^fe[89ab]/i.test(address));
  const ofFamily = (family: string): string[] =>
    usable.filter((one) => one.family === family).map((one) => one.address);
  return [...ofFamily("IPv4"), ...ofFamily("IPv6")];
}
