import { describe, expect, it } from "vitest";
import { ipToBytes } from "./ip-bytes.ts";

describe("ipToBytes", () => {
  it.each([
    ["127.0.0.1", "7f000001"],
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["2001:db8::8:800:200c:417a", "20010db80000000000080800200c417a"],
    ["fe80::1%eth0", "fe800000000000000000000000000001"],
    ["::ffff:10.0.0.1", "0a000001"],
    ["64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221"],
  ])("reads %s", (address, hex) => {
    expect(Buffer.from(ipToBytes(address) ?? []).toString("hex")).toBe(hex);
  });

  it.each(["", "localhost", "1.2.3", "1.2.3.256", ":::", "12345::"])("does not read %j", (address) => {
    expect(ipToBytes(address)).toBeUndefined();
  });
});
