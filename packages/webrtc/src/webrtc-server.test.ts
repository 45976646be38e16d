import type { TransportHandle } from "@cation/engine/ids";
import type { RemoteAddress } from "@cation/media-io/media-io";
import fc from "fast-check";
import { parseMessage } from "werift";
import { beforeEach, describe, expect, it } from "vitest";
import { FakeDtls, FakeMediaIo, SOME_KEYS } from "./testing/fakes.ts";
import type { FakeAssociation } from "./testing/fakes.ts";
import { writeCheck } from "./testing/connectivity-check.ts";
import type { CheckOptions } from "./testing/connectivity-check.ts";
import { WebRtcServer } from "./webrtc-server.ts";
import type { WebRtcTransport } from "./webrtc-transport.ts";

const CLIENT: RemoteAddress = { protocol: "udp", address: "192.0.2.9", port: 5_000 };
const ELSEWHERE: RemoteAddress = { protocol: "udp", address: "198.51.100.7", port: 6_000 };
const FINGERPRINT = { algorithm: "sha-256", value: "AA:BB" };
const REMOTE = { iceUfrag: "client", icePwd: "x".repeat(22), fingerprints: [FINGERPRINT] };
const DTLS = Buffer.from("16fefd00000000000000000000", "hex");
const second = 1_000_000;

describe("WebRtcServer", () => {
  let io: FakeMediaIo;
  let dtls: FakeDtls;
  let server: WebRtcServer;
  let states: string[];
  let transport: WebRtcTransport;

  beforeEach(() => {
    io = new FakeMediaIo();
    dtls = new FakeDtls();
    server = new WebRtcServer({ mediaIo: io.asMediaIo(), dtls });
    states = [];
    transport = createTransport(states);
  });

  function createTransport(log: string[], data: Buffer[] = []): WebRtcTransport {
    return server.createTransport({
      handler: {
        onStateChange: (state, reason) => log.push(`${state}: ${reason}`),
        onData: (bytes) => data.push(Buffer.from(bytes)),
      },
    });
  }

  function receive(bytes: Uint8Array, from: RemoteAddress, handle: TransportHandle | 0 = 0): void {
    server.onDatagram(bytes, from, handle, io.nowUs());
  }

  function check(options: Partial<CheckOptions> = {}, from = CLIENT, to = transport): void {
    const bytes = writeCheck({ serverUfrag: to.localUfrag, serverPwd: to.localPwd, ...options });
    receive(bytes, from, 0);
  }

  const nominate = (from = CLIENT, to = transport): void => check({ useCandidate: true }, from, to);

  function connect(): FakeAssociation {
    transport.setRemote(REMOTE);
    nominate();
    receive(DTLS, CLIENT, transport.handle);
    const [association] = dtls.associations;
    association?.handler.onConnected(SOME_KEYS);
    return association as FakeAssociation;
  }

  function pass(us: number): void {
    io.timeUs += us;
    server.poll(io.nowUs());
  }

  it("answers a check with the address it came from", () => {
    check();
    const [answer] = io.sent;
    expect(answer?.remote).toBe(CLIENT);
    const message = parseMessage(answer?.bytes ?? Buffer.alloc(0), Buffer.from(transport.localPwd));
    expect(message?.getAttributeValue("XOR-MAPPED-ADDRESS")).toEqual([CLIENT.address, CLIENT.port]);
    expect(server.counters().stunAnswers).toBe(1);
    expect(states).toEqual([]);
  });

  it("goes from new to connected", () => {
    const association = connect();
    expect(io.remotes.get(transport.handle)).toEqual(CLIENT);
    expect(association.expected).toEqual([FINGERPRINT]);
    expect(association.received).toEqual([DTLS]);
    expect(io.keys.get(transport.handle)).toBe(SOME_KEYS);
    expect(states).toEqual(["connecting: nominated", "connected: dtls-connected"]);
    expect(server.counters()).toMatchObject({ handshakes: 1, moves: 1 });
  });

  it("sends DTLS where the client is now", () => {
    const association = connect();
    io.timeUs += 5 * second;
    nominate(ELSEWHERE);
    io.sent.length = 0;
    association.handler.onSend(DTLS);
    expect(io.sent).toEqual([{ remote: ELSEWHERE, bytes: DTLS }]);
    expect(io.remotes.get(transport.handle)).toEqual(ELSEWHERE);
  });

  it("keeps a little DTLS that comes before the fingerprint is known", () => {
    nominate();
    for (let count = 0; count < 6; count += 1) receive(DTLS, CLIENT, transport.handle);
    expect(dtls.associations).toHaveLength(0);
    transport.setRemote(REMOTE);
    expect(dtls.associations[0]?.received).toHaveLength(4);
    expect(server.counters().drops["dtls-before-remote"]).toBe(2);
  });

  it("does not move for checks that prove nothing", () => {
    transport.setRemote(REMOTE);
    nominate();
    check({ useCandidate: true, serverPwd: "wrong" }, ELSEWHERE);
    check({ useCandidate: true, integrity: false }, ELSEWHERE);
    check({ useCandidate: true, clientUfrag: "stranger" }, ELSEWHERE);
    check({ useCandidate: true, fingerprint: false }, ELSEWHERE);
    check({ useCandidate: true, serverUfrag: "unknown" }, ELSEWHERE);
    check({ useCandidate: true, role: "controlled" }, ELSEWHERE);
    expect(io.remotes.get(transport.handle)).toEqual(CLIENT);
    expect(io.sent).toHaveLength(2);
    expect(server.counters()).toMatchObject({
      stunRoleConflicts: 1,
      drops: {
        "stun-bad-integrity": 2,
        "stun-wrong-remote-ufrag": 1,
        "stun-bad-fingerprint": 1,
        "stun-unknown-ufrag": 1,
      },
    });
  });

  it("tells transports apart by ufrag", () => {
    const other = createTransport([]);
    nominate(CLIENT, transport);
    nominate(ELSEWHERE, other);
    expect([...io.remotes.values()]).toEqual([CLIENT, ELSEWHERE]);
  });

  it("answers nothing to garbage, and counts it", () => {
    const binding = writeCheck({ serverUfrag: "a", serverPwd: "b" });
    const indication = Buffer.from(binding);
    indication[1] = 0x11;
    const anonymous = Buffer.from("000100002112a442b7e7a701bc34d686fa87dfae", "hex");
    receive(Buffer.alloc(20), CLIENT);
    receive(indication, CLIENT);
    receive(anonymous, CLIENT);
    receive(Buffer.alloc(0), CLIENT);
    receive(Buffer.of(0x80, 0), CLIENT);
    receive(DTLS, CLIENT, 0);
    receive(DTLS, CLIENT, 99 as TransportHandle);
    expect(io.sent).toEqual([]);
    expect(server.counters().drops).toMatchObject({
      "stun-malformed": 1,
      "stun-not-a-request": 1,
      "stun-no-username": 1,
      "unknown-protocol": 2,
      "dtls-unknown-source": 2,
    });
  });

  it("never throws, whatever comes", () => {
    connect();
    const from = fc.constantFrom(0 as const, transport.handle, 7 as TransportHandle);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), from, (bytes, handle) => {
        receive(bytes, CLIENT, handle);
      }),
    );
    expect(io.remotes.get(transport.handle)).toEqual(CLIENT);
  });

  describe("as time passes", () => {
    it("loses a silent client, finds it again, and gives up in the end", () => {
      connect();
      pass(6.5 * second);
      expect(transport.state).toBe("connected");
      pass(1 * second);
      check();
      pass(31 * second);
      pass(31 * second);
      expect(states.slice(2)).toEqual([
        "disconnected: consent-lost",
        "connected: consent-regained",
        "disconnected: consent-lost",
        "failed: consent-expired",
      ]);
    });

    it("takes a failed client back when it restarts ICE", () => {
      connect();
      pass(8 * second);
      pass(31 * second);
      transport.restartIce();
      nominate(ELSEWHERE);
      expect(states.at(-1)).toBe("connected: consent-regained");
      expect(io.remotes.get(transport.handle)).toEqual(ELSEWHERE);
    });

    it("is not kept alive by checks from elsewhere", () => {
      connect();
      for (let count = 0; count < 8; count += 1) {
        check({}, ELSEWHERE);
        pass(second);
      }
      expect(transport.state).toBe("disconnected");
    });

    it("gives up on a client that never nominates", () => {
      pass(100 * second);
      expect(states).toEqual([]);
      transport.setRemote(REMOTE);
      check();
      pass(31 * second);
      expect(states).toEqual(["failed: ice-timeout"]);
    });

    it("gives up on a handshake that does not end", () => {
      transport.setRemote(REMOTE);
      nominate();
      receive(DTLS, CLIENT, transport.handle);
      for (let count = 0; count < 31; count += 1) {
        check();
        pass(second);
      }
      expect(states).toEqual(["connecting: nominated", "failed: dtls-timeout"]);
      expect(dtls.associations[0]?.closed).toBe(true);
      expect(server.counters().handshakeFailures).toBe(1);
    });
  });

  it("fails when DTLS fails, whatever comes later", () => {
    transport.setRemote(REMOTE);
    nominate();
    receive(DTLS, CLIENT, transport.handle);
    dtls.associations[0]?.handler.onClosed("proof-failed");
    receive(DTLS, CLIENT, transport.handle);
    nominate();
    expect(states).toEqual(["connecting: nominated", "failed: proof-failed"]);
    expect(io.keys.size).toBe(0);
    expect(server.counters()).toMatchObject({ handshakeFailures: 1, drops: { "dtls-after-close": 1 } });
  });

  it("closes when the client says goodbye", () => {
    connect().handler.onClosed("closed-by-peer");
    expect(states.at(-1)).toBe("closed: closed-by-peer");
    expect([io.open.size, server.transportCount]).toEqual([0, 0]);
    check();
    expect(server.counters().drops["stun-unknown-ufrag"]).toBe(1);
  });

  it("fails when the client announces another certificate, not when it repeats or adds one", () => {
    connect();
    const added = { algorithm: "sha-512", value: "CC" };
    transport.setRemote({ ...REMOTE, fingerprints: [added, FINGERPRINT] });
    expect(transport.state).toBe("connected");
    transport.setRemote({ ...REMOTE, fingerprints: [added] });
    expect(states.at(-1)).toBe("failed: fingerprint-changed");
  });

  it("is disconnected at once when its TCP connection goes", () => {
    const tcp: RemoteAddress = { ...CLIENT, protocol: "tcp" };
    transport.setRemote(REMOTE);
    nominate(tcp);
    receive(DTLS, tcp, transport.handle);
    dtls.associations[0]?.handler.onConnected(SOME_KEYS);
    server.onRemoteClosed(CLIENT);
    expect(transport.state).toBe("connected");
    server.onRemoteClosed(tcp);
    expect(states.at(-1)).toBe("disconnected: tcp-closed");
  });

  it("passes application data both ways", () => {
    const data: Buffer[] = [];
    transport = createTransport([], data);
    const association = connect();
    association.handler.onData(Buffer.from("in"));
    transport.sendData(Buffer.from("out"));
    expect([data.map(String), association.sent.map(String)]).toEqual([["in"], ["out"]]);
  });

  it("leaves nothing behind", () => {
    const association = connect();
    transport.restartIce();
    const { localUfrag, localPwd } = transport;
    transport.close();
    transport.close();
    association.handler.onConnected(SOME_KEYS);
    association.handler.onClosed("closed-locally");
    transport.setRemote(REMOTE);
    transport.restartIce();
    expect(states).toEqual(["connecting: nominated", "connected: dtls-connected"]);
    expect([association.closed, io.open.size, io.keys.size]).toEqual([true, 0, 0]);
    expect(server.transportCount).toBe(0);
    receive(writeCheck({ serverUfrag: localUfrag, serverPwd: localPwd }), CLIENT);
    expect(server.counters().drops["stun-unknown-ufrag"]).toBe(1);
  });

  it("may be closed from inside its own callback", () => {
    const closing: WebRtcTransport = server.createTransport({
      handler: { onStateChange: () => closing.close() },
    });
    nominate(CLIENT, closing);
    expect(closing.state).toBe("closed");
    pass(second);
    expect(server.transportCount).toBe(1);
  });

  it("closes all transports", () => {
    createTransport([]);
    server.close();
    server.close();
    expect([server.transportCount, io.open.size]).toEqual([0, 0]);
  });
});
