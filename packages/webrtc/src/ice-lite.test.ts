import type { RemoteAddress } from "@cation/media-io/media-io";
import type { MonoUs } from "@cation/rtp/units";
import { beforeEach, describe, expect, it } from "vitest";
import type { IceCredentials } from "./ice-credentials.ts";
import { IceLite } from "./ice-lite.ts";
import type { IceCheckOutcome } from "./ice-lite.ts";
import { writeCheck } from "./testing/connectivity-check.ts";
import type { CheckOptions } from "./testing/connectivity-check.ts";
import { StunMessageView } from "./stun-message.ts";

const at = (port: number): RemoteAddress => ({ protocol: "udp", address: "192.0.2.9", port });
const HIGH = 2_000_000_000;
const LOW = 1_000_000_000;
const second = 1_000_000;

describe("IceLite", () => {
  let retired: string[];
  let ice: IceLite;
  let nowUs: number;
  const view = new StunMessageView();

  beforeEach(() => {
    retired = [];
    nowUs = 10 * second;
    ice = new IceLite({ onCredentialsRetired: ({ ufrag }) => retired.push(ufrag) });
  });

  function check(
    from: RemoteAddress,
    options: Partial<CheckOptions> = {},
    credentials: IceCredentials = ice.local,
  ): IceCheckOutcome {
    const { ufrag, pwd } = credentials;
    expect(view.read(writeCheck({ serverUfrag: ufrag, serverPwd: pwd, ...options }))).toBe(true);
    return ice.check(view, credentials, from, nowUs as MonoUs);
  }

  const nominate = (from: RemoteAddress, priority = HIGH): IceCheckOutcome =>
    check(from, { useCandidate: true, priority });

  it("makes long credentials of ICE characters", () => {
    expect(ice.local.ufrag).toMatch(/^[A-Za-z0-9+/]{12}$/);
    expect(ice.local.pwd).toMatch(/^[A-Za-z0-9+/]{24}$/);
  });

  it("answers a check, and moves only for a nominating one", () => {
    expect(check(at(1))).toBe("answer");
    expect(ice.remote).toBeUndefined();
    expect(nominate(at(1))).toBe("answer-and-move");
    expect(ice.remote).toEqual(at(1));
    expect(check(at(2))).toBe("answer");
    expect(ice.remote).toEqual(at(1));
  });

  it.each<[string, Partial<CheckOptions>, IceCheckOutcome]>([
    ["a wrong password", { serverPwd: "wrong" }, "bad-integrity"],
    ["no integrity", { integrity: false }, "bad-integrity"],
    ["no fingerprint", { fingerprint: false }, "bad-fingerprint"],
    ["the wrong role", { role: "controlled" }, "role-conflict"],
    ["an unknown attribute", { unknownAttribute: true }, "unknown-attribute"],
  ])("does not move for a nomination with %s", (_, options, outcome) => {
    expect(check(at(1), { useCandidate: true, ...options })).toBe(outcome);
    expect(ice.remote).toBeUndefined();
    expect(ice.lastCheckUs).toBe(0);
  });

  it("takes only the client that SDP announced, once it has", () => {
    expect(check(at(1), { clientUfrag: "stranger" })).toBe("answer");
    ice.setRemoteUfrag("client");
    expect(check(at(1), { clientUfrag: "stranger" })).toBe("wrong-remote-ufrag");
    expect(check(at(1))).toBe("answer");
  });

  it("goes up in priority while the client nominates several addresses, not down", () => {
    nominate(at(1), LOW);
    expect(nominate(at(2), HIGH)).toBe("answer-and-move");
    expect(nominate(at(1), LOW)).toBe("answer");
    expect(ice.remote).toEqual(at(2));
  });

  it("goes down when the better address is silent", () => {
    nominate(at(1), HIGH);
    nowUs += 1.1 * second;
    expect(nominate(at(2), LOW)).toBe("answer-and-move");
  });

  it("follows any nomination once things have settled: the client has moved", () => {
    nominate(at(1), HIGH);
    nowUs += 3 * second;
    check(at(1));
    expect(nominate(at(2), LOW)).toBe("answer-and-move");
    expect(ice.remote).toEqual(at(2));
  });

  it("tells when the address in use was last heard of", () => {
    nominate(at(1));
    nowUs += second;
    check(at(2));
    expect(ice.lastCheckUs).toBe(10 * second);
    check(at(1));
    expect(ice.lastCheckUs).toBe(11 * second);
  });

  it("keeps the old credentials until the new ones are nominated", () => {
    const old = ice.local;
    nominate(at(1));
    const fresh = ice.restart();
    expect(ice.local).toBe(fresh);
    expect(check(at(1), {}, old)).toBe("answer");
    expect(check(at(1), {}, fresh)).toBe("answer");
    expect(retired).toEqual([]);
    expect(check(at(2), { useCandidate: true, priority: LOW }, fresh)).toBe("answer-and-move");
    expect(retired).toEqual([old.ufrag]);
    expect(ice.local).toBe(fresh);
  });

  it("confirms a restart from the same address", () => {
    const old = ice.local;
    nominate(at(1));
    ice.restart();
    expect(nominate(at(1))).toBe("answer");
    expect(retired).toEqual([old.ufrag]);
  });

  it("drops a restart that was never used for the next", () => {
    const unused = ice.restart();
    const next = ice.restart();
    expect(retired).toEqual([unused.ufrag]);
    expect(ice.local).toBe(next);
  });

  it("takes the client's old and new ufrag during a restart, and then the new one only", () => {
    ice.setRemoteUfrag("old");
    check(at(1), { clientUfrag: "old", useCandidate: true });
    ice.restart();
    ice.setRemoteUfrag("new");
    expect(check(at(1), { clientUfrag: "old" })).toBe("answer");
    check(at(1), { clientUfrag: "new", useCandidate: true });
    expect(check(at(1), { clientUfrag: "old" })).toBe("wrong-remote-ufrag");
  });

  it("bounds its answers, apart for the address in use and for all others", () => {
    nominate(at(1));
    const outcomes = Array.from({ length: 200 }, (_, index) => check(at(100 + index)));
    expect(outcomes.filter((outcome) => outcome === "answer").length).toBeLessThanOrEqual(100);
    expect(outcomes.at(-1)).toBe("rate-limited");
    expect(check(at(1))).toBe("answer");
    nowUs += second;
    expect(check(at(300))).toBe("answer");
  });

  it("retires everything when it closes", () => {
    const { ufrag } = ice.local;
    const pending = ice.restart().ufrag;
    ice.close();
    expect(retired.sort()).toEqual([ufrag, pending].sort());
  });
});
