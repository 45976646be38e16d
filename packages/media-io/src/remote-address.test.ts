import { describe, expect, it } from "vitest";
import { canonicalAddress, canonicalRemote, peerAddress, socketAddress } from "./remote-address.ts";

describe("canonicalAddress", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:c000:0201", "192.0.2.1"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["::", "::"],
    ["localhost", undefined],
    ["192.0.2.256", undefined],
    ["", undefined],
  ])("%s → %s", (address, expected) => expect(canonicalAddress(address)).toBe(expected));
});

describe("canonicalRemote", () => {
  it.each([0, -1, 65_536, 1.5, Number.NaN])("refuses port %s", (port) =>
    expect(canonicalRemote({ protocol: "udp", address: "192.0.2.1", port })).toBeUndefined(),
  );
});

describe("peerAddress and socketAddress", () => {
  it("take IPv4 out of a dual-stack socket and put it back", () => {
    expect(peerAddress("::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(peerAddress("2001:db8::1")).toBe("2001:db8::1");
    expect(socketAddress("192.0.2.1", 6)).toBe("::ffff:192.0.2.1");
    expect(socketAddress("192.0.2.1", 4)).toBe("192.0.2.1");
    expect(socketAddress("2001:db8::1", 6)).toBe("2001:db8::1");
  });
});
