import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { VirtualClock } from "@cation/service-kit/virtual-clock";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";
import type { JWK } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mintToken } from "./token-minter.ts";
import { createTokenVerifier } from "./token-verifier.ts";

const clock = new VirtualClock();
const nowSeconds = () => Math.floor(clock.nowMs() / 1000);
const apiKeys = [
  { key: "old", secret: "the old secret, still in use for a week" },
  { key: "new", secret: "the new secret, in use since this morning" },
];
const issuer = "https://login.example.org";

/** A server of public keys on loopback that can be told to fail. */
class JwksServer {
  keys: JWK[] = [];
  status = 200;
  hits = 0;
  readonly #server = createServer((_request, response) => {
    this.hits += 1;
    response.writeHead(this.status, { "content-type": "application/json" });
    response.end(JSON.stringify({ keys: this.keys }));
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const jwks = new JwksServer();
const createWithJwks = () =>
  createTokenVerifier({ clock, apiKeys, clockSkewMs: 5000, jwks: { url: jwks.url, issuer, audience: "cation" } });

beforeAll(() => jwks.start());
afterAll(() => jwks.close());

async function sign(alg: string, kid: string, overrides: Record<string, unknown> = {}): Promise<string> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  jwks.keys.push({ ...(await exportJWK(publicKey)), kid, alg });
  const claims = { iss: issuer, aud: "cation", sub: "ada", room: "blue", exp: nowSeconds() + 60, ...overrides };
  return new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(privateKey);
}

test("an HS256 token of each API key, its claims and when it ends", async () => {
  const verifier = createTokenVerifier({ clock, apiKeys, clockSkewMs: 5000 });
  for (const apiKey of apiKeys) {
    const grants = { publish: ["screen", "screen_audio", "screen"], subscribe: true, administer: true } as const;
    const request = { roomId: "blue", identity: "ada", name: "Ada", grants, lifetimeMs: 60_000 };
    await expect(verifier.verify(await mintToken(apiKey, request, clock))).resolves.toEqual({
      roomId: "blue",
      identity: "ada",
      name: "Ada",
      metadata: "",
      grants: { publish: [3, 4], subscribe: true, administer: true },
      expiresAtMs: (nowSeconds() + 60) * 1000 + 5000,
    });
  }
});

test("what is not granted is denied", async () => {
  const verifier = createTokenVerifier({ clock, apiKeys, clockSkewMs: 0 });
  const token = await new SignJWT({ room: "blue", sub: "ada", exp: nowSeconds() + 1 })
    .setProtectedHeader({ alg: "HS256", kid: "new" })
    .sign(Buffer.from(apiKeys[1]?.secret ?? ""));
  expect((await verifier.verify(token)).grants).toEqual({ publish: [], subscribe: false, administer: false });
});

test("the allowed clock skew, no more; not before its time; never without an end", async () => {
  const verifier = createTokenVerifier({ clock, apiKeys, clockSkewMs: 5000 });
  const verify = async (claims: Record<string, unknown>) =>
    verifier.verify(
      await new SignJWT({ room: "blue", sub: "ada", iss: "new", ...claims })
        .setProtectedHeader({ alg: "HS256" })
        .sign(Buffer.from(apiKeys[1]?.secret ?? "")),
    );
  await expect(verify({ exp: nowSeconds() - 4 })).resolves.toBeDefined();
  await expect(verify({ exp: nowSeconds() - 6 })).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
  await expect(verify({ exp: nowSeconds() + 60, nbf: nowSeconds() + 30 })).rejects.toMatchObject({
    code: "TOKEN_INVALID",
  });
  await expect(verify({})).rejects.toMatchObject({ code: "TOKEN_INVALID", message: expect.stringContaining("exp") });
  await expect(verify({ exp: "soon" })).rejects.toMatchObject({ code: "TOKEN_INVALID" });
});

test.each(["RS256", "PS256", "ES256", "EdDSA"])("an %s token by the key set", async (alg) => {
  const token = await sign(alg, `key-${alg}`);
  await expect(createWithJwks().verify(token)).resolves.toMatchObject({ identity: "ada", roomId: "blue" });
});

test("issuer and audience must be ours", async () => {
  const verifier = createWithJwks();
  await expect(verifier.verify(await sign("ES256", "k1", { iss: "https://evil" }))).rejects.toMatchObject({
    code: "TOKEN_INVALID",
  });
  const other = createWithJwks();
  await expect(other.verify(await sign("ES256", "k2", { aud: "other" }))).rejects.toMatchObject({
    code: "TOKEN_INVALID",
  });
});

test("a public key is never a secret (algorithm confusion)", async () => {
  const { publicKey } = await generateKeyPair("RS256", { extractable: true });
  jwks.keys.push({ ...(await exportJWK(publicKey)), kid: "rsa", alg: "RS256" });
  const verifier = createWithJwks();
  for (const secret of [await exportSPKI(publicKey), JSON.stringify(await exportJWK(publicKey))]) {
    const token = await new SignJWT({ room: "blue", sub: "ada", exp: nowSeconds() + 60, iss: issuer, aud: "cation" })
      .setProtectedHeader({ alg: "HS256", kid: "rsa" })
      .sign(Buffer.from(secret));
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  }
});

test("a symmetric key in the set is not used", async () => {
  const secret = Buffer.alloc(32, 7);
  jwks.keys.push({ kty: "oct", k: secret.toString("base64url"), kid: "oct", alg: "HS384" });
  const token = await new SignJWT({ room: "blue", sub: "ada", exp: nowSeconds() + 60, iss: issuer, aud: "cation" })
    .setProtectedHeader({ alg: "HS384", kid: "oct" })
    .sign(Buffer.alloc(48, 7));
  await expect(createWithJwks().verify(token)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
});

test("the key set is read once for many tokens; an unknown key does not read it again at once", async () => {
  const verifier = createWithJwks();
  const token = await sign("ES256", "cached");
  jwks.hits = 0;
  await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)));
  const unknown = await new SignJWT({})
    .setProtectedHeader({ alg: "ES256", kid: "nobody" })
    .sign((await generateKeyPair("ES256")).privateKey);
  await expect(verifier.verify(unknown)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  expect(jwks.hits).toBe(1);
});

test("a key set that cannot be read is said to be so, and may be retried", async () => {
  const token = await sign("ES256", "later");
  jwks.status = 500;
  const verifier = createWithJwks();
  await expect(verifier.verify(token)).rejects.toMatchObject({ code: "TOKEN_KEYS_UNAVAILABLE", retryable: true });
  jwks.status = 200;
  await expect(verifier.verify(token)).resolves.toBeDefined();
  const away = createTokenVerifier({ clock, apiKeys, clockSkewMs: 0, jwks: { url: "http://127.0.0.1:1/", issuer } });
  await expect(away.verify(token)).rejects.toMatchObject({ code: "TOKEN_KEYS_UNAVAILABLE" });
});

test("without a key set, asymmetric tokens are refused", async () => {
  const verifier = createTokenVerifier({ clock, apiKeys, clockSkewMs: 0 });
  await expect(verifier.verify(await sign("ES256", "x"))).rejects.toMatchObject({ code: "TOKEN_INVALID" });
});
