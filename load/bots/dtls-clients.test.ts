import type { SrtpKeys } from "@cation/media-io/media-io";
import { loadNativeAddon } from "@cation/media-io/native-addon";
import type { DtlsAssociation, DtlsCloseReason, DtlsFingerprint, DtlsProvider } from "@cation/webrtc/dtls";
import { openDtlsProvider } from "@cation/webrtc/open-dtls";
import { afterEach, describe, expect, it } from "vitest";
import type { DtlsClient, DtlsClients } from "./dtls-clients.ts";
import { openDtlsClients } from "./open-dtls-clients.ts";

const hasAddon = loadNativeAddon().addon !== undefined;
const PATIENCE = { timeout: 10_000 };
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

/** A client and a server, wired to each other; what each was told. */
class Pair {
  clientKeys: SrtpKeys | undefined;
  serverKeys: SrtpKeys | undefined;
  clientEnd: string | undefined;
  serverEnd: DtlsCloseReason | undefined;
  readonly server: DtlsAssociation;
  readonly client: DtlsClient;
  /** Datagrams from the server to swallow. */
  lose = 0;

  constructor(provider: DtlsProvider, clients: DtlsClients, expected: DtlsFingerprint) {
    this.server = provider.createServer([clients.fingerprint], {
      onSend: (datagram) => {
        const copy = Buffer.from(datagram);
        if (this.lose-- <= 0) setImmediate(() => this.client.receive(copy));
      },
      onConnected: (keys) => (this.serverKeys = keys),
      onData: () => undefined,
      onClosed: (reason) => (this.serverEnd = reason),
    });
    this.client = clients.connect([expected], {
      onSend: (datagram) => {
        const copy = Buffer.from(datagram);
        setImmediate(() => this.server.receive(copy));
      },
      onConnected: (keys) => (this.clientKeys = keys),
      onFailed: (error) => (this.clientEnd = error.message),
      onClosed: () => (this.clientEnd = "closed"),
    });
  }
}

async function open(backend: DtlsClients["backend"], expected?: DtlsFingerprint): Promise<Pair> {
  const provider = await openDtlsProvider();
  const clients = openDtlsClients(Date.now(), backend);
  opened.push(provider, clients);
  return new Pair(provider, clients, expected ?? provider.fingerprint);
}

describe.each(hasAddon ? (["openssl", "werift"] as const) : (["werift"] as const))("DTLS clients by %s", (backend) => {
  it("agree with the server on keys, each the other's way round", async () => {
    const pair = await open(backend);
    await expect.poll(() => pair.clientKeys && pair.serverKeys, PATIENCE).toBeDefined();
    const { clientKeys, serverKeys } = pair;
    expect(clientKeys?.profile).toBe(serverKeys?.profile);
    expect(Buffer.from(clientKeys?.localKey ?? [])).toEqual(Buffer.from(serverKeys?.remoteKey ?? []));
    expect(Buffer.from(clientKeys?.remoteSalt ?? [])).toEqual(Buffer.from(serverKeys?.localSalt ?? []));
  });

  it("repeat what was lost", async () => {
    const pair = await open(backend);
    pair.lose = 2;
    await expect.poll(() => pair.clientKeys && pair.serverKeys, PATIENCE).toBeDefined();
  });

  it("refuse a server whose certificate SDP did not announce", async () => {
    const value = Array.from({ length: 32 }, () => "00").join(":");
    const pair = await open(backend, { algorithm: "sha-256", value });
    await expect.poll(() => pair.clientEnd, PATIENCE).toBeDefined();
    expect(pair.clientEnd).not.toBe("closed");
    expect(pair.clientKeys).toBeUndefined();
  });

  it("hear the server's goodbye", async () => {
    const pair = await open(backend);
    await expect.poll(() => pair.serverKeys && pair.clientKeys, PATIENCE).toBeDefined();
    pair.server.close();
    await expect.poll(() => pair.clientEnd, PATIENCE).toBe("closed");
  });

  it("say goodbye, by OpenSSL (werift goes without a word), and hear nothing after it", async () => {
    const pair = await open(backend);
    await expect.poll(() => pair.serverKeys && pair.clientKeys, PATIENCE).toBeDefined();
    pair.client.close();
    if (backend === "openssl") await expect.poll(() => pair.serverEnd, PATIENCE).toBe("closed-by-peer");
    pair.server.close();
    await expect.poll(() => pair.serverEnd, PATIENCE).toBeDefined();
    expect(pair.clientEnd).toBeUndefined();
  });
});
