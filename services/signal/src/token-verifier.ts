import { createSecretKey } from "node:crypto";
import { CodedError } from "@cation/service-kit/coded-error";
import type { Clock } from "@cation/service-kit/clock";
import { createRemoteJWKSet, decodeProtectedHeader, decodeJwt, errors, jwtVerify } from "jose";
import type { JWTVerifyGetKey, JWTVerifyOptions } from "jose";
import { readClaims } from "./token-claims.ts";
import type { TokenClaims } from "./token-claims.ts";
import type { ApiKey } from "./signal-config.ts";

/** Checks tokens. Rejects with TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED or TOKEN_KEYS_UNAVAILABLE. */
export interface TokenVerifier {
  verify(token: string): Promise<TokenClaims>;
}

export interface TokenVerifierOptions {
  readonly clock: Clock;
  readonly apiKeys: readonly ApiKey[];
  /** Public keys for asymmetric tokens. */
  readonly jwks?: { readonly url: string; readonly issuer: string; readonly audience?: string };
  /** How far the clock of who made the token may be off. */
  readonly clockSkewMs: number;
}

/** A token names its algorithm, but only these are obeyed, each with keys of its own kind (RFC 8725 §3.1). */
const ASYMMETRIC_ALGORITHMS = [
  ...["RS256", "RS384", "RS512"],
  ...["PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512"],
  ...["EdDSA", "Ed25519"],
];

const JWKS_TIMEOUT_MS = 5000;
const JWKS_CACHE_MS = 600_000;
const JWKS_COOLDOWN_MS = 30_000;
const MAX_TOKEN_LENGTH = 16_384;

/**
 * HS256 tokens are checked with the secret of the API key that `kid` or else `iss` names, all others with the keys of
 * the JWKS. The two never meet: a public key is never a secret, a secret never verifies another algorithm.
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const secrets = new Map(
    options.apiKeys.map(({ key, secret }) => [key, createSecretKey(Buffer.from(secret, "utf8"))]),
  );
  const publicKeys = options.jwks ? createJwks(options.jwks.url) : undefined;

  function shared(): JWTVerifyOptions {
    return {
      currentDate: new Date(options.clock.nowMs()),
      clockTolerance: options.clockSkewMs / 1000,
      requiredClaims: ["exp", "sub", "room"],
    };
  }

  async function verifySymmetric(token: string, keyId: string | undefined): Promise<unknown> {
    const name = keyId ?? decodeJwt(token).iss;
    const secret = name === undefined ? undefined : secrets.get(name);
    if (!secret) throw new CodedError("TOKEN_INVALID", "The token's API key is not one of ours.");
    const { payload } = await jwtVerify(token, secret, { ...shared(), algorithms: ["HS256"] });
    return payload;
  }

  async function verifyAsymmetric(token: string): Promise<unknown> {
    if (!publicKeys || !options.jwks) throw new CodedError("TOKEN_INVALID", "Only HS256 tokens are accepted here.");
    const { issuer, audience } = options.jwks;
    const { payload } = await jwtVerify(token, publicKeys, {
      ...shared(),
      algorithms: ASYMMETRIC_ALGORITHMS,
      issuer,
      ...(audience === undefined ? {} : { audience }),
    });
    return payload;
  }

  return {
    async verify(token) {
      if (token === "") throw new CodedError("TOKEN_MISSING");
      if (token.length > MAX_TOKEN_LENGTH) throw new CodedError("TOKEN_INVALID", "The token is too long.");
      try {
        const { alg, kid } = decodeProtectedHeader(token);
        const claims = readClaims(alg === "HS256" ? await verifySymmetric(token, kid) : await verifyAsymmetric(token));
        return { ...claims, expiresAtMs: claims.expiresAtMs + options.clockSkewMs };
      } catch (error) {
        throw explain(error);
      }
    },
  };
}

function createJwks(url: string): JWTVerifyGetKey {
  const getKey = createRemoteJWKSet(new URL(url), {
    timeoutDuration: JWKS_TIMEOUT_MS,
    cacheMaxAge: JWKS_CACHE_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
  });
  return async (header, token) => {
    try {
      return await getKey(header, token);
    } catch (error) {
      // The set was read and has no such key: the token's fault. Anything else: the set's.
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw new CodedError("TOKEN_KEYS_UNAVAILABLE", undefined, { cause: error });
    }
  };
}

function explain(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  if (error instanceof errors.JWTExpired) return new CodedError("TOKEN_EXPIRED", undefined, { cause: error });
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new CodedError("TOKEN_INVALID", `The token's claims are wrong: ${error.message}.`, { cause: error });
  }
  return new CodedError("TOKEN_INVALID", "The token is not one of ours or was changed.", { cause: error });
}
