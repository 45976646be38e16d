import { SrtpProfile } from "@cation/media-io/media-io";
import type { SrtpKeys } from "@cation/media-io/media-io";
import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createDtlsCertificate, fingerprintOf } from "./dtls-certificate.ts";
import { readRecords, writeRecord } from "./dtls-record.ts";
import { DtlsTestClient } from "./testing/dtls-test-client.ts";
import type { Misbehaviour } from "./testing/dtls-test-client.ts";
import type { DtlsAssociation, DtlsCloseReason, DtlsFingerprint, DtlsProvider } from "./dtls.ts";
import { srtpKeyLengths } from "./srtp-profiles.ts";

/** Changes what a client sends: the datagrams to deliver instead of one. */
type Tamper = (datagram: Buffer) => readonly Buffer[];

interface SessionOptions {
  readonly misbehaviour?: Misbehaviour;
  readonly profiles?: readonly number[];
  readonly expected?: (certificateDer: Buffer) => readonly DtlsFingerprint[];
  readonly tamper?: Tamper;
}

/** A client and the server under test, joined in this process. */
class Session {
  readonly client: DtlsTestClient;
  readonly server: DtlsAssociation;
  readonly fromClient: Buffer[] = [];
  readonly data: Buffer[] = [];
  keys: SrtpKeys | undefined;
  reason: DtlsCloseReason | undefined;
  connectedCalls = 0;
  closedCalls = 0;

  constructor(provider: DtlsProvider, options: SessionOptions = {}) {
    const tamper = options.tamper ?? ((datagram) => [datagram]);
    const certificate = createDtlsCertificate(Date.now());
    const { raw } = new X509Certificate(certificate.certificatePem);
    const expected = options.expected?.(raw) ?? [fingerprintOf(raw)];
    this.client = new DtlsTestClient({
      certificate,
      ...options,
      send: (datagram) => {
        this.fromClient.push(datagram);
        for (const part of tamper(datagram)) setImmediate(() => this.server.receive(part));
      },
    });
    this.server = provider.createServer(expected, {
      onSend: (datagram) => {
        const copy = Buffer.from(datagram);
        setImmediate(() => this.client.receive(copy));
      },
      onConnected: (keys) => {
        this.keys = { ...keys };
        this.connectedCalls += 1;
      },
      onData: (data) => this.data.push(Buffer.from(data)),
      onClosed: (reason) => {
        this.reason = reason;
        this.closedCalls += 1;
      },
    });
  }

  async connected(): Promise<void> {
    this.client.connect();
    await vi.waitFor(() => expect([this.keys !== undefined, this.client.connected]).toEqual([true, true]), {
      timeout: 10_000,
      interval: 5,
    });
  }

  async closed(): Promise<DtlsCloseReason | undefined> {
    await vi.waitFor(() => expect(this.reason).toBeDefined(), { timeout: 10_000, interval: 5 });
    return this.reason;
  }
}

/** What every DTLS backend does, against clients in this process. `open` makes a provider with these options. */
export function dtlsContract(
  name: string,
  open: (options: { handshakeTimeoutMs?: number }) => Promise<DtlsProvider>,
): void {
  describe(`DtlsProvider: ${name}`, () => {
    let provider: DtlsProvider;
    const sessions: Session[] = [];
    const start = (options?: SessionOptions): Session => {
      const session = new Session(provider, options);
      sessions.push(session);
      return session;
    };

    beforeAll(async () => {
      provider = await open({});
    });
    afterEach(() => {
      for (const { client, server } of sessions.splice(0)) {
        client.stop();
        server.close();
      }
    });
    afterAll(() => provider.close());

    it("shows a sha-256 fingerprint", () => {
      expect(provider.fingerprint.algorithm).toBe("sha-256");
      expect(provider.fingerprint.value).toMatch(/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/);
    });

    it.each([
      { profiles: [1, 7], chosen: SrtpProfile.AEAD_AES_128_GCM },
      { profiles: [1], chosen: SrtpProfile.AES128_CM_HMAC_SHA1_80 },
      { profiles: [8, 1], chosen: SrtpProfile.AEAD_AES_256_GCM },
    ])("agrees on profile $chosen and on keys", async ({ profiles, chosen }) => {
      const session = start({ profiles });
      await session.connected();
      const { keyBytes, saltBytes } = srtpKeyLengths(chosen);
      const theirs = session.client.keys(keyBytes, saltBytes);
      expect(session.keys?.profile).toBe(chosen);
      expect(session.client.srtpProfile).toBe(chosen);
      expect(Buffer.from(session.keys?.localKey ?? [])).toEqual(theirs.remoteKey);
      expect(Buffer.from(session.keys?.localSalt ?? [])).toEqual(theirs.remoteSalt);
      expect(Buffer.from(session.keys?.remoteKey ?? [])).toEqual(theirs.localKey);
      expect(Buffer.from(session.keys?.remoteSalt ?? [])).toEqual(theirs.localSalt);
    });

    it.each<{ misbehaviour: Misbehaviour; reasons: readonly DtlsCloseReason[] }>([
      { misbehaviour: "wrong-key", reasons: ["proof-failed"] },
      { misbehaviour: "no-certificate", reasons: ["proof-failed", "handshake-failed"] },
      { misbehaviour: "wrong-finished", reasons: ["proof-failed"] },
    ])("refuses a client with $misbehaviour", async ({ misbehaviour, reasons }) => {
      const session = start({ misbehaviour });
      session.client.connect();
      expect(reasons).toContain(await session.closed());
      expect([session.connectedCalls, session.closedCalls]).toEqual([0, 1]);
    });

    // A backend may wait for what is missing until the handshake times out.
    it.each<Misbehaviour>(["plain-finished", "no-certificate-verify"])(
      "does not connect a client with %s",
      async (misbehaviour) => {
        const session = start({ misbehaviour });
        session.client.connect();
        await vi.waitFor(() => expect(session.fromClient.length).toBeGreaterThanOrEqual(3));
        await sleep(200);
        expect(session.connectedCalls).toBe(0);
      },
    );

    it("refuses a certificate that was not announced", async () => {
      const other = "00:".repeat(31) + "00";
      const session = start({ expected: () => [{ algorithm: "sha-256", value: other }] });
      session.client.connect();
      expect(await session.closed()).toBe("fingerprint-mismatch");
      expect(session.connectedCalls).toBe(0);
    });

    it.each(["sha-384", "sha-512"])("takes %s, and any one of several", async (algorithm) => {
      const other = { algorithm: "sha-256", value: "00:".repeat(31) + "00" };
      const unknown = { algorithm: "sha-1", value: "00" };
      const session = start({
        expected: (certificate) => [other, unknown, fingerprintOf(certificate, algorithm)],
      });
      await session.connected();
    });

    it("refuses everybody where nothing was announced", async () => {
      const session = start({ expected: () => [] });
      session.client.connect();
      expect(await session.closed()).toBe("fingerprint-mismatch");
    });

    it("refuses a client without a common SRTP profile", async () => {
      const session = start({ profiles: [2] });
      session.client.connect();
      expect(await session.closed()).toBe("no-srtp-profile");
    });

    it("connects when the client's messages come in fragments, twice and in disorder", async () => {
      const session = start({
        tamper: (datagram) => {
          const parts = readRecords(datagram).flatMap(fragment).reverse();
          return [...parts, ...parts];
        },
      });
      await session.connected();
      expect([session.connectedCalls, session.closedCalls]).toEqual([1, 0]);
    });

    it("connects when the first datagram of each kind is lost", async () => {
      const lost = new Set<number>();
      const session = start({
        tamper: (datagram) => {
          if (lost.has(datagram.length)) return [datagram];
          lost.add(datagram.length);
          return [];
        },
      });
      await session.connected();
    });

    it("is not disturbed by garbage", async () => {
      const session = start({ tamper: (datagram) => [...garbage(datagram), datagram] });
      await session.connected();
      for (const part of garbage(session.fromClient.at(-1) ?? Buffer.alloc(0))) {
        session.server.receive(part);
      }
      session.client.send(Buffer.from("still here"));
      await vi.waitFor(() => expect(session.data.map(String)).toEqual(["still here"]));
    });

    it("survives a replay of everything the client has sent, and delivers data once", async () => {
      const session = start();
      await session.connected();
      session.client.send(Buffer.from("once"));
      await vi.waitFor(() => expect(session.data).toHaveLength(1));
      for (const datagram of session.fromClient) session.server.receive(datagram);
      session.client.send(Buffer.from("after"));
      await vi.waitFor(() => expect(session.data.map(String)).toEqual(["once", "after"]));
      expect([session.connectedCalls, session.closedCalls]).toEqual([1, 0]);
    });

    it("delivers nothing that was changed on the way, in any byte", async () => {
      const session = start();
      await session.connected();
      session.client.send(Buffer.from("as it was"));
      await vi.waitFor(() => expect(session.data).toHaveLength(1));
      const sent = session.fromClient.at(-1) ?? Buffer.alloc(0);
      for (let index = 0; index < sent.length; index += 1) {
        const changed = Buffer.from(sent);
        changed[index] ^= 1;
        session.server.receive(changed);
        if (index % 16 === 15) await sleep(5);
      }
      session.client.send(Buffer.from("after"));
      await vi.waitFor(() => expect(session.data.map(String)).toEqual(["as it was", "after"]));
      expect(session.closedCalls).toBe(0);
    });

    it("sends data both ways", async () => {
      const session = start();
      await session.connected();
      for (let index = 0; index < 20; index += 1) session.server.sendData(Buffer.of(index));
      await vi.waitFor(() => expect(session.client.received).toHaveLength(20));
      expect(Buffer.concat(session.client.received)).toEqual(
        Buffer.from(Array.from({ length: 20 }, (_, index) => index)),
      );
    });

    it("says goodbye, once", async () => {
      const session = start();
      await session.connected();
      session.server.close();
      session.server.close();
      expect(await session.closed()).toBe("closed-locally");
      await vi.waitFor(() => expect(session.client.closed).toBe(true));
      expect(session.closedCalls).toBe(1);
    });

    it("gives up on a client that says nothing more", async () => {
      const impatient = await open({ handshakeTimeoutMs: 50 });
      const session = new Session(impatient, { tamper: () => [] });
      session.client.connect();
      expect(await session.closed()).toBe("handshake-timeout");
      session.client.stop();
      impatient.close();
    });

    it("closes what is open when the provider closes", async () => {
      const short = await open({});
      const session = new Session(short);
      await session.connected();
      short.close();
      expect(await session.closed()).toBe("closed-locally");
      session.client.stop();
    });
  });
}

/** A plain handshake record as records with a third of the message each; others as they are. */
function fragment(record: ReturnType<typeof readRecords>[number]): Buffer[] {
  const { fragment: message, epoch, type } = record;
  if (type !== 22 || epoch !== 0) return [writeRecord(record)];
  const body = message.subarray(12);
  const size = Math.max(1, Math.ceil(body.length / 3));
  const parts: Buffer[] = [];
  for (let start = 0; start < body.length; start += size) {
    const part = body.subarray(start, start + size);
    const header = Buffer.from(message.subarray(0, 12));
    header.writeUIntBE(start, 6, 3);
    header.writeUIntBE(part.length, 9, 3);
    const sequenceNumber = record.sequenceNumber * 10 + parts.length;
    parts.push(writeRecord({ ...record, sequenceNumber, fragment: Buffer.concat([header, part]) }));
  }
  return parts;
}

/** Datagrams that look more and more like DTLS. Deterministic. */
function garbage(model: Buffer): Buffer[] {
  const noise = Buffer.alloc(64, 0x16);
  const cut = model.subarray(0, model.length - 3);
  const wrongType = Buffer.from(model);
  wrongType[0] = 63;
  const longRecord = Buffer.from(model);
  longRecord.writeUInt16BE(0xffff, 11);
  const plainData = Buffer.from("17fefd000000000000000900026162", "hex");
  const futureEpoch = Buffer.from("17fefd000700000000000900026162", "hex");
  const emptyHandshake = Buffer.from("16fefd00000000000000090000", "hex");
  const hugeMessage = Buffer.from("16fefd0000000000000009000c0bffffff0003000000000000", "hex");
  return [
    Buffer.of(22),
    Buffer.alloc(0),
    noise,
    cut,
    wrongType,
    longRecord,
    plainData,
    futureEpoch,
    emptyHandshake,
    hugeMessage,
  ];
}
