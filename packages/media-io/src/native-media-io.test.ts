import { describe, expect, it } from "vitest";
import { mediaIoContract } from "./media-io.contract.ts";
import { SrtpProfile } from "./media-io.ts";
import type { NativeAddon } from "./native-addon.ts";
import { loadNativeAddon } from "./native-addon.ts";
import { openNativeMediaIo } from "./native-media-io.ts";
import { srtpCipherContract } from "./srtp-cipher.contract.ts";
import { connectUdp, PacketMaker } from "./testing/contract-fixture.ts";
import { keyPair, RawPeer, Recorder, rtpPacket, sendAll, until } from "./testing/contract-kit.ts";

// The sanitized build has its own place; see native/sanitize.ts.
const loaded = loadNativeAddon(process.env.CATION_MEDIA_IO_ADDON);

if (loaded.addon === undefined) {
  describe("native backend", () => {
    it.skip(loaded.reason, () => {});
  });
} else {
  testNativeBackend(loaded.addon);
}

function testNativeBackend(addon: NativeAddon): void {
  srtpCipherContract("OpenSSL", (profile, rtp, rtcp) => new addon.SrtpCipher(profile, rtp, rtcp));
  for (const senderThreads of [0, 2]) {
    mediaIoContract(`native backend, ${senderThreads} sender threads`, (options) =>
      openNativeMediaIo(addon, { ...options, senderThreads }),
    );
  }

  describe("native backend alone", () => {
    const keys = keyPair(SrtpProfile.AEAD_AES_128_GCM);
    const options = { host: "127.0.0.1", port: 0, tcp: false, slotCount: 256 };

    it.each([true, false])("sends runs to one peer as one message, udpGso: %s", async (udpGso) => {
      const io = await openNativeMediaIo(addon, { ...options, udpGso });
      const peer = await RawPeer.open();
      const transport = connectUdp(io, peer.remote.port, keys.server);
      const seen = new Recorder(io);
      const sizes = [1000, 1000, 1000, 400, 900, 900];
      sendAll(
        io,
        sizes.map((bytes, i) => ({
          transport,
          packet: rtpPacket(1, i, Buffer.alloc(bytes)),
          token: i,
        })),
      );
      await until("all", () => peer.received.length === sizes.length);
      expect(peer.received.map(({ length }) => length)).toEqual(sizes.map((bytes) => bytes + 28));
      await until("completions", () => seen.completions.length === sizes.length);
      expect(seen.completions.map(({ token }) => token)).toEqual(sizes.map((_, i) => i));
      const runs = io.gsoRuns();
      expect([runs[1], runs[2], runs[4]]).toEqual(udpGso ? [0, 1, 1] : [6, 0, 0]);
      peer.close();
      await io.close();
    });

    it("stamps packets when the kernel got them, not when it came round to reading", async () => {
      const io = await openNativeMediaIo(addon, options);
      const peer = await RawPeer.open();
      const maker = new PacketMaker(keys.client);
      connectUdp(io, peer.remote.port, keys.server);
      const seen = new Recorder(io);
      // The packet is in the socket's queue when `send` returns; the event loop is then kept busy.
      const sent = peer.send(maker.rtp(rtpPacket(1, 1, Buffer.alloc(9))), io.port);
      const sentUs = io.nowUs();
      while (io.nowUs() < sentUs + 20_000);
      await sent;
      await until("the packet", () => seen.packets.length === 1);
      expect(seen.packets[0].arrivalUs).toBeLessThan(sentUs + 10_000);
      peer.close();
      await io.close();
    });

    it("counts what the kernel dropped for want of room", async () => {
      const io = await openNativeMediaIo(addon, { ...options, socketBufferBytes: 8192 });
      const peer = await RawPeer.open();
      const maker = new PacketMaker(keys.client);
      connectUdp(io, peer.remote.port, keys.server);
      // Nothing is read before the start.
      const early = 100;
      for (let i = 0; i < early; i++) {
        await peer.send(maker.rtp(rtpPacket(1, i, Buffer.alloc(1000))), io.port);
      }
      const seen = new Recorder(io);
      await until("some", () => seen.packets.length > 0);
      // The kernel tells with the next packet that it takes.
      await peer.send(maker.rtp(rtpPacket(1, early, Buffer.alloc(9))), io.port);
      await until("the last", () => seen.packets.at(-1)?.bytes.length === 12 + 9);
      const overflow = io.counters().receiveDrops["kernel-overflow"];
      expect(overflow).toBeGreaterThan(0);
      expect(overflow + seen.packets.length).toBe(early + 1);
      peer.close();
      await io.close();
    });
  });
}
