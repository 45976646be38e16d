import { describe, it } from "vitest";
import { mediaIoContract } from "./media-io.contract.ts";
import { loadNativeAddon } from "./native-addon.ts";
import { openNativeMediaIo } from "./native-media-io.ts";
import { srtpCipherContract } from "./srtp-cipher.contract.ts";

// The sanitized build has its own place; see native/sanitize.ts.
const loaded = loadNativeAddon(process.env.CATION_MEDIA_IO_ADDON);

if (loaded.addon === undefined) {
  describe("native backend", () => {
    it.skip(loaded.reason, () => {});
  });
} else {
  const { addon } = loaded;
  srtpCipherContract("OpenSSL", (profile, rtp, rtcp) => new addon.SrtpCipher(profile, rtp, rtcp));
  for (const senderThreads of [0, 2]) {
    mediaIoContract(`native backend, ${senderThreads} sender threads`, (options) =>
      openNativeMediaIo(addon, { ...options, senderThreads }),
    );
  }
}
