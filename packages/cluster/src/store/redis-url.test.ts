import { expect, test } from "vitest";
import { parseRedisUrl } from "./redis-url.ts";

const NONE = { username: undefined, password: undefined, primaryName: undefined, database: 0 };

test("a single server", () => {
  expect(parseRedisUrl("redis://localhost")).toEqual({
    ...NONE,
    kind: "single",
    tls: false,
    addresses: [{ host: "localhost", port: 6379 }],
  });
  expect(parseRedisUrl("rediss://app:p%40ss%3A@[::1]:7000/3")).toEqual({
    ...NONE,
    kind: "single",
    tls: true,
    addresses: [{ host: "::1", port: 7000 }],
    username: "app",
    password: "p@ss:",
    database: 3,
  });
  expect(parseRedisUrl("redis://:secret@h/")).toMatchObject({ username: undefined, password: "secret", database: 0 });
});

test("sentinels and the name of their primary", () => {
  expect(parseRedisUrl("redis-sentinel://:pw@a,b:1234/main/2")).toEqual({
    ...NONE,
    kind: "sentinel",
    tls: false,
    addresses: [
      { host: "a", port: 26379 },
      { host: "b", port: 1234 },
    ],
    password: "pw",
    primaryName: "main",
    database: 2,
  });
});

test("a cluster", () => {
  expect(parseRedisUrl("rediss-cluster://a:1,b:2,c:3")).toMatchObject({ kind: "cluster", tls: true });
  expect(parseRedisUrl("redis-cluster://a:1,b:2,c:3").addresses).toHaveLength(3);
});

test.each([
  "",
  "localhost:6379",
  "http://localhost",
  "redis://",
  "redis://a,b",
  "redis://h:0",
  "redis://h:99999",
  "redis://h/x",
  "redis://h/1/2",
  "redis://u:%zz@h",
  "redis-sentinel://a,b",
  "redis-cluster://a/1",
])("%j is refused", (url) => {
  expect(() => parseRedisUrl(url)).toThrowError(expect.objectContaining({ code: "CONFIG_INVALID" }));
});

test("the password is not shown", () => {
  expect(() => parseRedisUrl("redis://user:hunter2@a,b")).toThrowError(/^(?!.*hunter2)/);
});
