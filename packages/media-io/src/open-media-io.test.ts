import { describe, expect, it } from "vitest";
import { loadNativeAddon } from "./native-addon.ts";
import { openMediaIo } from "./open-media-io.ts";

const OPTIONS = { host: "127.0.0.1", port: 0, tcp: false, slotCount: 16 };

describe("openMediaIo", () => {
  it("takes the native backend where its addon loads, and says why not", async () => {
    const loaded = loadNativeAddon();
    const opened = await openMediaIo(OPTIONS);
    await opened.io.close();
    expect(opened.backend).toBe(opened.io.backend);
    if (loaded.addon === undefined) {
      expect(opened).toMatchObject({ backend: "typescript", reason: loaded.reason });
      await expect(openMediaIo({ ...OPTIONS, backend: "native" })).rejects.toThrow(loaded.reason);
    } else {
      expect(opened.backend).toBe("native");
    }
  });

  it("takes the TypeScript backend when told to", async () => {
    const opened = await openMediaIo({ ...OPTIONS, backend: "typescript" });
    await opened.io.close();
    expect(opened.backend).toBe("typescript");
  });

  it("names the sysctl where the kernel gives smaller buffers", async () => {
    // No kernel gives so much to a socket; root is given what it asks for by the native backend, up to an int.
    const socketBufferBytes = 2 ** 30;
    const opened = await openMediaIo({ ...OPTIONS, backend: "typescript", socketBufferBytes });
    await opened.io.close();
    expect(opened.socketWarnings.join("\n")).toMatch(/sysctl -w net\.core\.rmem_max=1073741824/);
    expect(opened.socketWarnings.join("\n")).toMatch(/sysctl -w net\.core\.wmem_max=1073741824/);
  });
});

describe("loadNativeAddon", () => {
  it("never throws", () => {
    expect(loadNativeAddon("/no/such/addon.node").addon).toBeUndefined();
    expect(loadNativeAddon(import.meta.filename).addon).toBeUndefined();
  });
});
