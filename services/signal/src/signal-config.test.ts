import { expect, test } from "vitest";
import { apiKeysOf, DEVELOPMENT_API_KEY, DEVELOPMENT_API_SECRET, loadSignalConfig } from "./signal-config.ts";

const secret = "0123456789abcdef0123456789abcdef";
const load = (env: Record<string, string>) =>
  loadSignalConfig(Object.fromEntries(Object.entries(env).map(([key, value]) => [`CATION_SIGNAL_${key}`, value])));

test("development needs nothing and knows the development key", () => {
  const config = load({ MODE: "development" });
  expect(apiKeysOf(config)).toEqual([{ key: DEVELOPMENT_API_KEY, secret: DEVELOPMENT_API_SECRET }]);
  expect(apiKeysOf(load({ MODE: "development", API_KEYS: "a:b:c" }))).toEqual([{ key: "a", secret: "b:c" }]);
});

test("production starts with keys of its own", () => {
  expect(apiKeysOf(load({ API_KEYS: `one:${secret}, two:${secret}` })).map(({ key }) => key)).toEqual(["one", "two"]);
  const jwks = { JWKS_URL: "https://x/keys", JWKS_ISSUER: "https://x", SESSION_SECRET: secret };
  expect(load(jwks).mode).toBe("production");
});

test.each([
  [{}, "nobody could enter"],
  [{ API_KEYS: `${DEVELOPMENT_API_KEY}:${secret}` }, "has the development key"],
  [{ API_KEYS: `mine:${DEVELOPMENT_API_SECRET}` }, "has the development key"],
  [{ API_KEYS: "mine:short" }, 'the secret of "mine" has 5 characters, must have 32'],
  [{ API_KEYS: `a:${secret},a:${secret}` }, "names a key twice"],
  [{ JWKS_URL: "https://x/keys", JWKS_ISSUER: "https://x" }, "SESSION_SECRET is not set"],
  [{ JWKS_URL: "https://x/keys", SESSION_SECRET: secret }, "JWKS_ISSUER is not set"],
  [{ API_KEYS: `a:${secret}`, TLS_CERT_FILE: "cert.pem" }, "CATION_SIGNAL_TLS_KEY_FILE is not set"],
  [{ API_KEYS: `a:${secret}`, ISLB_ADDRESSES: "," }, "ISLB_ADDRESSES is empty"],
  [{ API_KEYS: `a:${secret}`, ICE_SERVERS: '[{"urls":["http://x"]}]' }, "ICE_SERVERS is a secret"],
])("production refuses %o", (env, message) => {
  expect(() => load(env)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  expect(() => load(env)).toThrow(message);
  expect(() => load(env)).not.toThrow(secret);
});
