import { isIPv4, isIPv6 } from "node:net";

/** A numeric address as 4 or 16 bytes; IPv4-mapped IPv6 (RFC 4291 §2.5.5.2) as 4. `undefined` for anything else. */
export function ipToBytes(address: string): Uint8Array | undefined {
  if (isIPv4(address)) return Uint8Array.from(address.split("."), Number);
  if (!isIPv6(address)) return undefined;
  const bytes = ipv6ToBytes(address.replace(/%.*$/, ""));
  const mapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((b) => b === 0);
  return mapped ? bytes.subarray(12) : bytes;
}

function ipv6ToBytes(address: string): Uint8Array {
  const [head = "", tail] = address.split("::");
  const front = groupsToBytes(head);
  const back = groupsToBytes(tail ?? "");
  const bytes = new Uint8Array(16);
  bytes.set(front);
  bytes.set(back, 16 - back.length);
  return bytes;
}

function groupsToBytes(groups: string): number[] {
  if (groups === "") return [];
  return groups.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >>> 8, value & 0xff];
  });
}
