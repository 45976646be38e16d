import { SrtpProfile } from "@cation/media-io/media-io";
import type { SrtpKeys } from "@cation/media-io/media-io";
import { loadNativeAddon } from "@cation/media-io/native-addon";
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { fingerprintOf } from "./dtls-certificate.ts";
import type { DtlsAssociation, DtlsCloseReason, DtlsFingerprint, DtlsProvider } from "./dtls.ts";
import { openDtlsProvider } from "./open-dtls.ts";

/** `openssl s_client`, an implementation that is not ours on either side, over real sockets. */

const WAIT = { timeout: 20_000, interval: 20 };

/** What happens to a datagram on its way: the delays after which it arrives, none for a loss. */
type Weather = () => readonly number[];
const CALM: Weather = () => [0];

interface ClientOptions {
  readonly certificate: string | undefined;
  readonly expected: readonly DtlsFingerprint[];
  readonly arguments?: readonly string[];
  readonly profile?: string;
  readonly weather?: Weather;
}

/** A server on a UDP port of its own, and an openssl client that connects to it. */
class Session {
  keys: SrtpKeys | undefined;
  reason: DtlsCloseReason | undefined;
  /** What the client printed, what it received included. */
  output = "";
  /** What the server received. */
  received = "";
  readonly #provider: DtlsProvider;
  readonly #options: ClientOptions;
  readonly #socket: Socket = createSocket("udp4");
  #association: DtlsAssociation | undefined;
  #client: ChildProcess | undefined;
  #closed = false;

  constructor(provider: DtlsProvider, options: ClientOptions) {
    this.#provider = provider;
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#socket.bind(0, "127.0.0.1");
    await once(this.#socket, "listening");
    this.#socket.on("message", (bytes, from) => this.#deliver(() => this.#receive(bytes, from)));
    const { certificate, profile = "SRTP_AES128_CM_SHA1_80" } = this.#options;
    const identity = certificate === undefined ? [] : ["-cert", `${certificate}.pem`, "-key", `${certificate}.key`];
    this.#client = spawn(
      "openssl",
      [
        ...["s_client", "-connect", `127.0.0.1:${this.#socket.address().port}`],
        ...(this.#options.arguments ?? ["-dtls1_2"]),
        ...["-use_srtp", profile, "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"],
        ...identity,
      ],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    this.#client.stdout?.on("data", (text) => (this.output += text));
    this.#client.stderr?.on("data", (text) => (this.output += text));
  }

  /** The client sends a line, and the server one to it. */
  talk(fromClient: string, fromServer: string): void {
    this.#client?.stdin?.write(`${fromClient}\n`);
    this.#association?.sendData(Buffer.from(`${fromServer}\n`));
  }

  /** Keying material that the client printed, if it got so far. */
  get material(): string | undefined {
    return /Keying material: ([0-9A-F]+)/.exec(this.output)?.[1];
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#association?.close();
    if (this.#client?.exitCode === null && this.#client.signalCode === null) {
      const gone = once(this.#client, "exit");
      this.#client.kill("SIGKILL");
      await gone;
    }
    this.#socket.close();
  }

  #deliver(arrive: () => void): void {
    const arriveIfOpen = (): void => {
      if (!this.#closed) arrive();
    };
    for (const delayMs of (this.#options.weather ?? CALM)()) setTimeout(arriveIfOpen, delayMs);
  }

  #receive(bytes: Buffer, from: RemoteInfo): void {
    this.#association ??= this.#provider.createServer(this.#options.expected, {
      onSend: (datagram) => {
        const copy = Buffer.from(datagram);
        this.#deliver(() => this.#socket.send(copy, from.port, from.address, () => {}));
      },
      onConnected: (keys) => (this.keys = keys),
      onData: (data) => (this.received += Buffer.from(data).toString()),
      onClosed: (reason) => (this.reason = reason),
    });
    this.#association.receive(bytes);
  }
}

const native = loadNativeAddon();
if (native.addon === undefined) console.warn(`DTLS by OpenSSL is not tested: ${native.reason}`);
const BACKENDS = native.addon === undefined ? (["werift"] as const) : (["openssl", "werift"] as const);

describe.each(BACKENDS)("openssl s_client against DTLS by %s", (backend) => {
  let provider: DtlsProvider;
  let directory: string;
  let session: Session | undefined;

  beforeAll(async () => {
    provider = await openDtlsProvider({ backend });
    directory = mkdtempSync(join(tmpdir(), "cation-dtls-"));
    createCertificate(join(directory, "ecdsa"), ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    createCertificate(join(directory, "rsa"), ["rsa:2048"]);
    createCertificate(join(directory, "other"), ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
  });
  afterEach(() => session?.close());
  afterAll(() => {
    provider?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(options: Partial<ClientOptions> & { identity: string | undefined }): Promise<Session> {
    const { identity, ...rest } = options;
    session = new Session(provider, {
      certificate: identity === undefined ? undefined : join(directory, identity),
      expected: [fingerprint(join(directory, identity ?? "other"))],
      ...rest,
    });
    await session.start();
    return session;
  }

  async function expectConnected(connected: Session): Promise<void> {
    await vi.waitFor(
      () => expect([connected.keys !== undefined, connected.material?.length]).toEqual([true, 120]),
      WAIT,
    );
  }

  it.each(["ecdsa", "rsa"])("connects with an %s certificate, to the same keys", async (identity) => {
    const connected = await start({ identity });
    await expectConnected(connected);
    const { keys, material } = connected;
    expect(keys?.profile).toBe(SrtpProfile.AES128_CM_HMAC_SHA1_80);
    const ours = [keys?.remoteKey, keys?.localKey, keys?.remoteSalt, keys?.localSalt];
    expect(
      Buffer.concat(ours.map((part) => part ?? Buffer.alloc(0)))
        .toString("hex")
        .toUpperCase(),
    ).toBe(material);
  });

  it("chooses GCM where the client has it", async () => {
    const profile = "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM";
    const connected = await start({ identity: "ecdsa", profile });
    await vi.waitFor(() => expect(connected.keys?.profile).toBe(SrtpProfile.AEAD_AES_128_GCM), WAIT);
    expect(connected.keys?.localSalt).toHaveLength(12);
  });

  const suites = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"];
  it.each(backend === "openssl" ? suites : suites.slice(0, 1))("talks, and is left, under %s", async (suite) => {
    const connected = await start({ identity: "ecdsa", arguments: ["-dtls1_2", "-cipher", suite] });
    await expectConnected(connected);
    connected.talk("from the client", "from the server");
    connected.talk("again", "and again");
    await vi.waitFor(() => expect(connected.received).toBe("from the client\nagain\n"), WAIT);
    await vi.waitFor(() => expect(connected.output).toContain("from the server\nand again\n"), WAIT);
    connected.talk("Q", "");
    await vi.waitFor(() => expect(connected.reason).toBe("closed-by-peer"), WAIT);
  });

  it("refuses another certificate than the announced one", async () => {
    const refused = await start({ identity: "ecdsa", expected: [fingerprint(join(directory, "other"))] });
    await vi.waitFor(() => expect(refused.reason).toBe("fingerprint-mismatch"), WAIT);
    expect(refused.keys).toBeUndefined();
  });

  it("refuses a client without a certificate", async () => {
    const refused = await start({ identity: undefined });
    await vi.waitFor(() => expect(refused.reason).toBe("proof-failed"), WAIT);
    expect(refused.keys).toBeUndefined();
  });

  it("refuses a client without SRTP profiles of ours", async () => {
    const refused = await start({ identity: "ecdsa", profile: "SRTP_AES128_CM_SHA1_32" });
    await vi.waitFor(() => expect(refused.reason).toBe("no-srtp-profile"), WAIT);
    expect(refused.keys).toBeUndefined();
  });

  it("refuses DTLS 1.0", async () => {
    const refused = await start({ identity: "ecdsa", arguments: ["-dtls1", "-cipher", "ALL:@SECLEVEL=0"] });
    await vi.waitFor(() => expect(refused.reason).toBe("handshake-failed"), WAIT);
    expect(refused.keys).toBeUndefined();
  });

  it.each([1, 2, 3])("connects in bad weather: loss, repeats, disorder; seed %i", async (seed) => {
    await expectConnected(await start({ identity: "rsa", weather: storm(seed) }));
  });

  it("connects with a small MTU", async () => {
    await expectConnected(await start({ identity: "rsa", arguments: ["-dtls1_2", "-mtu", "256"] }));
  });
});

/** One in five is lost, one in five comes twice, delays of up to 20 ms. Mulberry32, so that a seed can be repeated. */
function storm(seed: number): Weather {
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => {
    const fate = random();
    const count = fate < 0.2 ? 0 : fate < 0.4 ? 2 : 1;
    return Array.from({ length: count }, () => random() * 20);
  };
}

function createCertificate(path: string, key: readonly string[]): void {
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test", "-newkey", ...key],
      ...["-keyout", `${path}.key`, "-out", `${path}.pem`],
    ],
    { stdio: "ignore" },
  );
}

function fingerprint(path: string): DtlsFingerprint {
  return fingerprintOf(new X509Certificate(readFileSync(`${path}.pem`)).raw);
}
