import { networkInterfaces } from "node:os";
import { SendOutcome } from "@cation/engine/send-batch";
import { describe, expect, it } from "vitest";
import { connectUdp, Fixture, PacketMaker } from "./testing/contract-fixture.ts";
import { keyPair, rtpPacket, sendAll, stunMessage, until } from "./testing/contract-kit.ts";
import type { OpenMediaIo } from "./media-io.contract.ts";
import { SrtpProfile } from "./media-io.ts";

/** Which packet belongs to whom: transports and their addresses. */
export function mediaIoAddressContract(open: OpenMediaIo): void {
  const fixture = new Fixture(open);
  const payload = Buffer.alloc(30);

  describe("addresses", () => {
    it("moves a transport to another address", async () => {
      const { side, peer, maker } = await fixture.withRawPeer();
      const moved = await fixture.rawPeer();
      await moved.send(maker.rtp(rtpPacket(1, 1, payload)), side.io.port);
      await until("a drop", () => side.io.counters().receiveDrops["unknown-source"] === 1);
      side.io.setRemote(side.transport, moved.remote);
      await moved.send(maker.rtp(rtpPacket(1, 1, payload)), side.io.port);
      await until("the packet", () => side.seen.packets.length === 1);
      await peer.send(maker.rtp(rtpPacket(1, 2, payload)), side.io.port);
      await until("a drop", () => side.io.counters().receiveDrops["unknown-source"] === 2);
      sendAll(side.io, [{ transport: side.transport, packet: rtpPacket(2, 1, payload) }]);
      await until("a packet out", () => moved.received.length === 1);
      expect(peer.received).toEqual([]);
    });

    it("gives an address to the newest holder; the older loses it", async () => {
      const { side, peer } = await fixture.withRawPeer();
      const keys = keyPair(SrtpProfile.AEAD_AES_256_GCM, 77);
      const newer = connectUdp(side.io, peer.remote.port, keys.server);
      const maker = new PacketMaker(keys.client);
      await peer.send(maker.rtp(rtpPacket(1, 1, payload)), side.io.port);
      await until("the packet", () => side.seen.packets.length === 1);
      expect(side.seen.packets[0].transport).toBe(newer);
      sendAll(side.io, [
        { transport: side.transport, packet: rtpPacket(2, 1, payload), token: 1 },
        { transport: newer, packet: rtpPacket(2, 1, payload), token: 2 },
      ]);
      await until("completions", () => side.seen.completions.length === 2);
      const outcomes = new Map(side.seen.completions.map((c) => [c.token, c.outcome]));
      expect(outcomes.get(1)).toBe(SendOutcome.NO_TRANSPORT);
      expect(outcomes.get(2)).toBe(SendOutcome.SENT);
      // Closing the one that lost it takes nothing from the other.
      side.io.closeTransport(side.transport);
      await peer.send(maker.rtp(rtpPacket(1, 2, payload)), side.io.port);
      await until("another", () => side.seen.packets.length === 2);
    });

    it("forgets a closed transport's address", async () => {
      const { side, peer, maker } = await fixture.withRawPeer();
      side.io.closeTransport(side.transport);
      side.io.closeTransport(side.transport);
      side.io.setRemote(side.transport, peer.remote);
      side.io.setSrtpKeys(side.transport, keyPair(SrtpProfile.AEAD_AES_128_GCM).server);
      await peer.send(maker.rtp(rtpPacket(1, 1, payload)), side.io.port);
      await until("a drop", () => side.io.counters().receiveDrops["unknown-source"] === 1);
      const next = side.io.openTransport();
      expect(next).not.toBe(side.transport);
      expect(next).not.toBe(0);
    });

    it("gives distinct handles", async () => {
      const { io } = await fixture.io();
      const handles = new Set<number>();
      for (let i = 0; i < 3000; i++) {
        const handle = io.openTransport();
        expect(handle).toBeGreaterThan(0);
        expect(handle).toBeLessThan(2 ** 32);
        handles.add(handle);
        if (i % 2 === 0) io.closeTransport(handle);
      }
      expect(handles.size).toBe(3000);
    });

    it.skipIf(!hasIpv6())("speaks IPv4 and IPv6 on one dual-stack socket", async () => {
      const { io, seen } = await fixture.io({ host: "::" });
      const keys = keyPair(SrtpProfile.AEAD_AES_128_GCM);
      for (const [address, spelling] of [
        ["127.0.0.1", "127.0.0.1"],
        ["::1", "0:0:0:0:0:0:0:1"],
      ]) {
        const peer = await fixture.rawPeer(address);
        const maker = new PacketMaker(keys.client);
        const transport = io.openTransport();
        io.setSrtpKeys(transport, keys.server);
        const { port } = peer.remote;
        io.setRemote(transport, { protocol: "udp", address: spelling, port });
        await peer.send(stunMessage(), io.port, address);
        await peer.send(maker.rtp(rtpPacket(1, 1, payload)), io.port, address);
        await until("a packet", () => seen.packets.at(-1)?.transport === transport);
        expect(seen.datagrams.at(-1)).toMatchObject({ remote: peer.remote, transport });
        sendAll(io, [{ transport, packet: rtpPacket(2, 1, payload) }]);
        io.sendDatagram(peer.remote, stunMessage());
        await until("both out", () => peer.received.length === 2);
        io.closeTransport(transport);
      }
    });
  });
}

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));
}
