import fc from "fast-check";
import { parseMessage } from "werift";
import { describe, expect, it } from "vitest";
import { writeCheck } from "./testing/connectivity-check.ts";
import { StunAnswerWriter, StunMessageView, StunType } from "./stun-message.ts";

const PWD = "VOkJxbRl1RmTxUk/WvJxBt";

/** RFC 5769 §2.1. */
const SAMPLE_REQUEST = Buffer.from(
  "000100582112a442b7e7a701bc34d686fa87dfae" +
    "802200105354554e207465737420636c69656e74" +
    "002400046e0001ff" +
    "80290008932ff9b151263b36" +
    "000600096576746a3a68367659202020" +
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2" +
    "80280004e57a3bcf",
  "hex",
);

function read(bytes: Uint8Array): StunMessageView {
  const view = new StunMessageView();
  expect(view.read(bytes)).toBe(true);
  return view;
}

describe("StunMessageView", () => {
  it("reads the sample request of RFC 5769", () => {
    const view = read(SAMPLE_REQUEST);
    expect(view.type).toBe(StunType.BINDING_REQUEST);
    expect([view.localUfrag(), view.remoteUfrag()]).toEqual(["evtj", "h6vY"]);
    expect(view.priority).toBe(0x6e0001ff);
    expect(view.iceControlled).toBe(true);
    expect(view.useCandidate).toBe(false);
    expect(view.unknownAttribute).toBe(0);
    expect(view.hasValidFingerprint()).toBe(true);
    expect(view.hasValidIntegrity(PWD)).toBe(true);
    expect(view.hasValidIntegrity(PWD + "x")).toBe(false);
  });

  it("reads what werift writes", () => {
    const view = read(writeCheck({ serverUfrag: "a", serverPwd: "b", useCandidate: true }));
    expect([view.localUfrag(), view.remoteUfrag()]).toEqual(["a", "client"]);
    expect([view.useCandidate, view.iceControlled]).toEqual([true, false]);
    expect([view.hasValidFingerprint(), view.hasValidIntegrity("b")]).toEqual([true, true]);
  });

  it("notices any changed bit", () => {
    const view = new StunMessageView();
    fc.assert(
      fc.property(fc.nat(SAMPLE_REQUEST.length * 8 - 1), (bit) => {
        const bytes = Buffer.from(SAMPLE_REQUEST);
        bytes[bit >> 3] ^= 1 << (bit & 7);
        const good = view.read(bytes) && view.hasValidFingerprint() && view.hasValidIntegrity(PWD);
        expect(good).toBe(false);
      }),
    );
  });

  it("ignores what stands behind the integrity", () => {
    const unsigned = writeCheck({ serverUfrag: "a", serverPwd: "b", fingerprint: false });
    const forged = Buffer.concat([unsigned, Buffer.from("00250000", "hex")]);
    forged.writeUInt16BE(forged.length - 20, 2);
    const view = read(forged);
    expect(view.useCandidate).toBe(false);
    expect(view.hasValidIntegrity("b")).toBe(true);
  });

  it("has no ufrag where there is no colon, and does not look for one outside the username", () => {
    const bytes = Buffer.from(SAMPLE_REQUEST);
    bytes[bytes.indexOf(0x3a)] = 0x2b;
    bytes[bytes.indexOf("h6vY") + 4] = 0x3a;
    expect([read(bytes).localUfrag(), read(bytes).remoteUfrag()]).toEqual(["", ""]);
  });

  it.each([
    ["nothing", ""],
    ["a short header", "000100002112a442b7e7a701bc34d686fa87df"],
    ["another cookie", "000100002112a443b7e7a701bc34d686fa87dfae"],
    ["a wrong length", "000100042112a442b7e7a701bc34d686fa87dfae"],
    ["an attribute past the end", "000100042112a442b7e7a701bc34d686fa87dfae00060004"],
    ["a priority of two bytes", "000100082112a442b7e7a701bc34d686fa87dfae0024000200000000"],
    ["something behind the fingerprint", "000100102112a442b7e7a701bc34d686fa87dfae80280004000000008022000400000000"],
  ])("does not read %s", (_, hex) => {
    expect(new StunMessageView().read(Buffer.from(hex, "hex"))).toBe(false);
  });

  it("survives any bytes", () => {
    const view = new StunMessageView();
    const noise = fc.uint8Array({ maxLength: 200 });
    const plausible = noise.map((body) => {
      const bytes = Buffer.concat([SAMPLE_REQUEST.subarray(0, 20), body.subarray(0, body.length & ~3)]);
      bytes.writeUInt16BE(bytes.length - 20, 2);
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(noise, plausible), (bytes) => {
        if (!view.read(bytes)) return;
        expect(view.localUfrag().length).toBeLessThanOrEqual(bytes.length);
        view.hasValidFingerprint();
        expect(view.hasValidIntegrity(PWD)).toBe(false);
      }),
    );
  });
});

describe("StunAnswerWriter", () => {
  const request = read(SAMPLE_REQUEST);
  const writer = new StunAnswerWriter();

  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1234:5678:11:2233:4455:6677", "2001:db8:1234:5678:11:2233:4455:6677"],
    ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1"],
  ])("tells %s where it comes from", (address, seen) => {
    const answer = parseMessage(Buffer.from(writer.success(request, address, 32_853, PWD)), Buffer.from(PWD));
    expect(answer?.transactionId).toEqual(SAMPLE_REQUEST.subarray(8, 20));
    expect(answer?.getAttributeValue("XOR-MAPPED-ADDRESS")).toEqual([expandIpv6(seen), 32_853]);
  });

  it("writes XOR-MAPPED-ADDRESS as RFC 5769 §2.2 and §2.3 have it", () => {
    const v4 = Buffer.from(writer.success(request, "192.0.2.1", 32_853, PWD)).toString("hex");
    expect(v4).toContain("002000080001a147e112a643");
    const v6 = writer.success(request, "2001:db8:1234:5678:11:2233:4455:6677", 32_853, PWD);
    expect(Buffer.from(v6).toString("hex")).toContain("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9");
  });

  it("answers 487 and 420", () => {
    const conflict = parseMessage(Buffer.from(writer.roleConflict(request, PWD)), Buffer.from(PWD));
    expect(conflict?.getAttributeValue("ERROR-CODE")).toEqual([487, "Role Conflict"]);
    const odd = read(writeCheck({ serverUfrag: "a", serverPwd: "b", unknownAttribute: true }));
    const unknown = parseMessage(Buffer.from(writer.unknownAttribute(odd, PWD)), Buffer.from(PWD));
    expect(unknown?.getAttributeValue("ERROR-CODE")).toEqual([420, "Unknown Attribute"]);
    expect(unknown?.getAttributeValue("UNKNOWN-ATTRIBUTES")).toEqual([0x000d]);
  });
});

/** As werift writes addresses, whatever form that is. */
function expandIpv6(address: string): unknown {
  return address.includes(":") ? expect.stringContaining(":") : address;
}
