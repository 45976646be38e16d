import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { createSessionTokens } from "./session-token.ts";

const secret = "a secret that all signal nodes share";
const reference = { roomId: "blue", identity: "ada", participantId: "p1", nodeAddress: "10.0.0.1:7200" };

test("what one signal issues, another with the same secret reads", async () => {
  const token = await createSessionTokens(secret).issue(reference);
  await expect(createSessionTokens(secret).read(token)).resolves.toEqual(reference);
});

test("no other token passes for one", async () => {
  const tokens = createSessionTokens(secret);
  const token = await tokens.issue(reference);
  const claims = { room: "blue", sub: "ada", participant: "p1", node: "10.6.6.6:1" };
  const forged = [
    await createSessionTokens(`${secret}!`).issue(reference),
    await new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "cation-session+jwt" }).sign(Buffer.from(secret)),
    `${token.slice(0, -2)}xx`,
    token.replace(/\.[^.]+\./, `.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`),
    "",
  ];
  for (const bad of forged) await expect(tokens.read(bad)).rejects.toMatchObject({ code: "SESSION_NOT_FOUND" });
});
