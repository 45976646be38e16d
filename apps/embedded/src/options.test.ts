import { expect, test } from "vitest";
import { findLanAddresses } from "./network-addresses.ts";
import { readOptions } from "./options.ts";
import { makeRoomName } from "./room-name.ts";

test("defaults: this machine alone; with --host a port for media that a firewall can be told", () => {
  const defaults = { port: 8080, host: undefined, udpPort: 0, mediaBackend: "auto", logLevel: "warn", help: false };
  expect(readOptions([])).toEqual(defaults);
  expect(readOptions(["--host", "all"])).toMatchObject({ host: "all", udpPort: 7300 });
  expect(readOptions(["--host", "10.0.0.1", "--udp-port", "0"])).toMatchObject({ host: "10.0.0.1", udpPort: 0 });
  expect(readOptions(["--port=9000", "--media-backend", "typescript", "-h"])).toMatchObject({ port: 9000, help: true });
});

test.each([
  [["--port", "eighty"], '--port is "eighty": must be a number from 0 to 65535.'],
  [["--port", "70000"], "--port"],
  [["--udp-port", "-1"], "--udp-port"],
  [["--host", "example.org"], '--host is "example.org": must be "all" or a numeric address'],
  [["--media-backend", "gpu"], "must be one of auto, native, typescript"],
  [["--verbose"], "--verbose"],
  [["8080"], "8080"],
])("%o is refused", (argv, message) => {
  expect(() => readOptions(argv)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  expect(() => readOptions(argv)).toThrow(message);
});

test("addresses for other machines", () => {
  const entry = (address: string, family: "IPv4" | "IPv6", internal = false) =>
    ({ address, family, internal, netmask: "", mac: "", cidr: null, scopeid: 0 }) as never;
  const interfaces = {
    lo: [entry("127.0.0.1", "IPv4", true), entry("::1", "IPv6", true)],
    eth0: [entry("fd00::5", "IPv6"), entry("192.168.1.5", "IPv4"), entry("fe80::1", "IPv6")],
    eth1: [entry("169.254.3.4", "IPv4")],
    gone: undefined,
  };
  expect(findLanAddresses(interfaces)).toEqual(["192.168.1.5", "fd00::5"]);
});

test("a room's name can be said aloud", () => {
  expect(makeRoomName(() => 0)).toBe("amber-badger-1000");
  expect(makeRoomName(() => 0.999_999)).toBe("sunny-valley-9999");
});
