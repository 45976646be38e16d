import { describe, expect, it } from "vitest";
import { findAnnouncedAddresses } from "./announced-addresses.ts";
import { loadSfuConfig } from "./sfu-config.ts";

describe("the configuration", () => {
  it("has defaults that fit together", () => {
    expect(loadSfuConfig({})).toMatchObject({ mode: "production", mediaPort: 7300, announcedAddresses: [] });
  });

  it("reads what is set", () => {
    const config = loadSfuConfig({
      CATION_SFU_NODE_ID: "sfu-7",
      CATION_SFU_ANNOUNCED_ADDRESSES: "192.0.2.1, 2001:db8::1",
      CATION_SFU_ISLB_ADDRESSES: "a:1,b:2",
    });
    expect(config).toMatchObject({
      nodeId: "sfu-7",
      announcedAddresses: ["192.0.2.1", "2001:db8::1"],
      islbAddresses: ["a:1", "b:2"],
    });
  });

  it.each([
    ["CATION_SFU_MEDIA_SLOT_COUNT", "1000"],
    ["CATION_SFU_MEDIA_PORT", "70000"],
    ["CATION_SFU_NODE_ID", "has a space"],
    ["CATION_SFU_ANNOUNCED_ADDRESSES", "my.host.name"],
    ["CATION_SFU_GRPC_CA_FILE", "ca.pem"],
    ["CATION_SFU_MEDIA_PROT", "1"],
  ])("refuses %s=%s by name", (name, value) => {
    expect(() => loadSfuConfig({ [name]: value })).toThrow(/CATION_SFU_/);
    try {
      loadSfuConfig({ [name]: value });
    } catch (error) {
      expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    }
  });
});

describe("announced addresses", () => {
  const entry = (address: string, internal = false) => ({
    address,
    internal,
    family: address.includes(":") ? ("IPv6" as const) : ("IPv4" as const),
    netmask: "",
    mac: "",
    cidr: null,
    scopeid: 0,
  });
  const interfaces = {
    lo: [entry("127.0.0.1", true), entry("::1", true)],
    eth0: [entry("2001:db8::5"), entry("192.0.2.5"), entry("fe80::1"), entry("169.254.1.1")],
  } as Parameters<typeof findAnnouncedAddresses>[1];

  it("are loopback in development", () => {
    expect(findAnnouncedAddresses("development", interfaces)).toEqual(["127.0.0.1"]);
  });

  it("are the interfaces' in production, IPv4 first, none that needs a zone", () => {
    expect(findAnnouncedAddresses("production", interfaces)).toEqual(["192.0.2.5", "2001:db8::5"]);
    expect(findAnnouncedAddresses("production", {})).toEqual(["127.0.0.1"]);
  });
});
