import { loadNativeAddon } from "@cation/media-io/native-addon";
import { expect, it } from "vitest";
import { openDtlsProvider } from "./open-dtls.ts";

it("takes OpenSSL where the addon is, and werift where it is not or when told so", async () => {
  const hasAddon = loadNativeAddon().addon !== undefined;
  const automatic = await openDtlsProvider();
  const werift = await openDtlsProvider({ backend: "werift" });
  expect(automatic.backend).toBe(hasAddon ? "openssl" : "werift");
  expect(werift.backend).toBe("werift");
  automatic.close();
  werift.close();
  if (!hasAddon) await expect(openDtlsProvider({ backend: "openssl" })).rejects.toThrow("no OpenSSL");
});
