import { SendBatch } from "@cation/engine/send-batch";
import { describe, expect, it } from "vitest";
import { Fixture, SLOT_COUNT } from "./testing/contract-fixture.ts";
import { addRecord, keyPair, rtpPacket, stunMessage, until } from "./testing/contract-kit.ts";
import type { OpenMediaIo } from "./media-io.contract.ts";
import { SrtpProfile } from "./media-io.ts";

/** Opening, closing, and what is left after it. */
export function mediaIoLifecycleContract(open: OpenMediaIo): void {
  const fixture = new Fixture(open);

  describe("life", () => {
    it("gives a store of the size asked for", async () => {
      const { io } = await fixture.io();
      expect(io.store.slotCount).toBe(SLOT_COUNT);
      expect(io.store.bytes.length).toBe(SLOT_COUNT * io.store.slotBytes);
      expect(io.store.generations.length).toBe(SLOT_COUNT);
      const slots = Array.from({ length: SLOT_COUNT + 1 }, () => io.store.allocate());
      expect(new Set(slots).size).toBe(SLOT_COUNT);
      expect(io.store.generations[slots[0]]).toBe(2);
      io.store.view.setUint8(slots[0] * io.store.slotBytes, 99);
      expect(io.store.bytes[slots[0] * io.store.slotBytes]).toBe(99);
    });

    it.each([0, 3, 1000, -4, 2 ** 21])("refuses a store of %s slots", async (slotCount) => {
      await expect(fixture.io({ slotCount })).rejects.toThrow(/power of two/);
    });

    it("refuses a port that is taken, and an address that is not ours", async () => {
      const { io } = await fixture.io({ tcp: true });
      await expect(fixture.io({ port: io.port })).rejects.toThrow(/EADDRINUSE/);
      await expect(fixture.io({ host: "192.0.2.1" })).rejects.toThrow(/EADDRNOTAVAIL/);
    });

    it("refuses keys of the wrong length", async () => {
      const { io } = await fixture.io();
      const transport = io.openTransport();
      const { server } = keyPair(SrtpProfile.AEAD_AES_128_GCM);
      const wrong = { ...server, remoteSalt: new Uint8Array(14) };
      expect(() => io.setSrtpKeys(transport, wrong)).toThrow(/salt of 12 bytes/);
    });

    it("closes once, quietly, and frees its ports", async () => {
      const { io, seen } = await fixture.io({ tcp: true });
      const peer = await fixture.rawPeer();
      const tcpPeer = await fixture.tcpPeer(io.port);
      const transport = io.openTransport();
      io.setRemote(transport, peer.remote);
      io.setSrtpKeys(transport, keyPair(SrtpProfile.AEAD_AES_128_GCM).server);
      const batch = new SendBatch(1);
      addRecord(batch, io.store, { transport, packet: rtpPacket(1, 1, Buffer.alloc(500)) });
      io.send(batch);
      await Promise.all([io.close(), io.close()]);
      await io.close();
      const delivered = seen.completions.length;
      io.send(batch);
      io.sendDatagram(peer.remote, stunMessage());
      io.setRemote(transport, peer.remote);
      io.setSrtpKeys(transport, keyPair(SrtpProfile.AEAD_AES_128_GCM).server);
      io.closeTransport(transport);
      io.openTransport();
      expect(io.counters().sentPackets).toBeLessThanOrEqual(1);
      expect(io.nowUs()).toBeGreaterThan(0);
      expect(io.store.allocate()).toBeGreaterThanOrEqual(0);
      await until("TCP closed", () => tcpPeer.closed);
      const again = await fixture.io({ port: io.port, tcp: true });
      expect(again.io.port).toBe(io.port);
      await peer.send(stunMessage(), io.port);
      await until("the new one hears", () => again.seen.datagrams.length === 1);
      expect(seen.datagrams).toEqual([]);
      expect(seen.completions.length).toBe(delivered);
    });
  });
}
