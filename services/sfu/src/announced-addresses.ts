import type { NetworkInterfaceInfo } from "node:os";

const LOOPBACK = "127.0.0.1";

/** Interfaces by name, as os.networkInterfaces() lists them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * Addresses to put into SDP where none are configured: loopback in development; else those of the interfaces, IPv4 first,
 * without link-local ones (which need a zone that SDP cannot name). Loopback where there is no other.
 */
export function findAnnouncedAddresses(mode: "development" | "production", interfaces: Interfaces): string[] {
  if (mode === "development") return [LOOPBACK];
  const usable = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !isLinkLocal(address));
  const ofFamily = (family: string): string[] =>
    usable.filter((one) => one.family === family).map((one) => one.address);
  const found = [...ofFamily("IPv4"), ...ofFamily("IPv6")];
  return found.length > 0 ? found : [LOOPBACK];
}

/** RFC 3927, RFC 4291 §2.5.6. */
function isLinkLocal(address: string): boolean {
  return address.startsWith("169.254.") || /^fe[89ab]/i.test(address);
}
