import { SendOutcome } from "@cation/engine/send-batch";
import { describe, expect, it } from "vitest";
import { Fixture, PacketMaker, type Side } from "./testing/contract-fixture.ts";
import {
  framed,
  keyPair,
  rtcpPacket,
  rtpPacket,
  sendAll,
  stunMessage,
  until,
  type RawTcpPeer,
} from "./testing/contract-kit.ts";
import type { OpenMediaIo } from "./media-io.contract.ts";
import { SrtpProfile, type MediaIoOptions } from "./media-io.ts";

/** Passive ICE-TCP beside UDP (RFC 6544, RFC 4571). */
export function mediaIoTcpContract(open: OpenMediaIo): void {
  const fixture = new Fixture(open);
  const payload = Buffer.alloc(200, 0x77);

  /** A backend with a transport to a TCP peer. */
  async function withTcpPeer(
    options: Partial<MediaIoOptions> = {},
  ): Promise<{ readonly side: Side; readonly peer: RawTcpPeer; readonly maker: PacketMaker }> {
    const { io, seen } = await fixture.io({ tcp: true, ...options });
    const peer = await fixture.tcpPeer(io.port);
    peer.socket.write(framed(stunMessage()));
    await until("the check", () => seen.datagrams.length === 1);
    expect(seen.datagrams[0]).toMatchObject({ remote: peer.remote, transport: 0 });
    const keys = keyPair(SrtpProfile.AEAD_AES_128_GCM);
    const transport = io.openTransport();
    io.setSrtpKeys(transport, keys.server);
    io.setRemote(transport, peer.remote);
    return { side: { io, seen, transport }, peer, maker: new PacketMaker(keys.client) };
  }

  describe("ICE-TCP", () => {
    it("carries media, STUN and DTLS both ways", async () => {
      const { side, peer, maker } = await withTcpPeer();
      const rtp = rtpPacket(1, 1, payload);
      peer.socket.write(framed(maker.rtp(rtp)));
      peer.socket.write(framed(maker.rtcp(rtcpPacket(1, 2), 1)));
      peer.socket.write(framed(Buffer.from([22, 1, 2])));
      await until("all in", () => side.seen.packets.length === 2 && side.seen.datagrams.length === 2);
      expect(side.seen.packets[0].bytes).toEqual(rtp);
      expect(side.seen.packets[1].bytes).toEqual(rtcpPacket(1, 2));
      expect(side.seen.datagrams[1].transport).toBe(side.transport);

      const packets = Array.from({ length: 20 }, (_, i) => rtpPacket(2, i, payload));
      sendAll(
        side.io,
        packets.map((packet, token) => ({ transport: side.transport, packet, token })),
      );
      side.io.sendDatagram(peer.remote, stunMessage());
      await until("all out", () => peer.received.length === 21);
      for (const [i, packet] of packets.entries()) {
        expect(maker.open(peer.received[i], "rtp")).toBe(packet.length);
        expect(peer.received[i].subarray(0, packet.length)).toEqual(packet);
      }
      expect(peer.received[20]).toEqual(stunMessage());
      await until("completions", () => side.seen.completions.length === 20);
      expect(side.seen.completions.map(({ token }) => token)).toEqual(packets.map((_, i) => i));
      expect(side.seen.completions.every((c) => c.outcome === SendOutcome.SENT)).toBe(true);
      expect(side.seen.reentrantCalls).toBe(0);
    });

    it("puts frames together however they were cut", async () => {
      const { side, peer, maker } = await withTcpPeer();
      const packets = Array.from({ length: 6 }, (_, i) => rtpPacket(1, i, payload));
      const frames = packets.map((packet) => framed(maker.rtp(packet)));
      const empty = framed(Buffer.alloc(0));
      // One byte a write, then all others in one.
      for (const byte of frames[0]) {
        peer.socket.write(Uint8Array.of(byte));
        await new Promise(setImmediate);
      }
      peer.socket.write(Buffer.concat([empty, ...frames.slice(1, 3), empty, ...frames.slice(3)]));
      await until("all", () => side.seen.packets.length === packets.length);
      expect(side.seen.packets.map(({ bytes }) => bytes)).toEqual(packets);
    });

    it("closes a stream that announces more than a packet", async () => {
      const { side, peer } = await withTcpPeer();
      peer.socket.write(Uint8Array.of(0xff, 0xff));
      await until("closed", () => peer.closed);
      await until("told", () => side.seen.closedRemotes.length === 1);
      expect(side.seen.closedRemotes).toEqual([peer.remote]);
      expect(side.io.counters().receiveDrops["tcp-framing"]).toBe(1);
      const packet = rtpPacket(2, 1, payload);
      sendAll(side.io, [{ transport: side.transport, packet }]);
      await until("a completion", () => side.seen.completions.length === 1);
      expect(side.seen.completions[0].outcome).toBe(SendOutcome.NO_TRANSPORT);
    });

    it("counts what strangers send, as over UDP", async () => {
      const { io, seen } = await fixture.io({ tcp: true });
      const peer = await fixture.tcpPeer(io.port);
      peer.socket.write(framed(rtpPacket(1, 1, payload)));
      peer.socket.write(framed(Buffer.from([22, 1])));
      peer.socket.write(framed(Buffer.from([255, 1])));
      await until("counted", () => {
        const drops = io.counters().receiveDrops;
        return drops["unknown-source"] === 2 && drops["unknown-protocol"] === 1;
      });
      expect(seen.datagrams).toEqual([]);
      expect(peer.closed).toBe(false);
    });

    it("tells when a peer goes, and takes its connection from a closed transport", async () => {
      const { side, peer } = await withTcpPeer();
      const second = await fixture.tcpPeer(side.io.port);
      second.socket.write(framed(stunMessage()));
      await until("the check", () => side.seen.datagrams.length === 2);
      second.socket.end();
      await until("told", () => side.seen.closedRemotes.length === 1);
      side.io.closeTransport(side.transport);
      await until("closed", () => peer.closed);
    });

    it("drops for a slow reader, and counts it", async () => {
      const { side, peer } = await withTcpPeer({ tcpLimits: { maxBufferedBytes: 8192 } });
      peer.socket.pause();
      const queueFull = (): number => side.io.counters().sendDrops.queueFull;
      for (let sequenceNumber = 0; queueFull() === 0; sequenceNumber += 100) {
        expect(sequenceNumber).toBeLessThan(65_000);
        sendAll(
          side.io,
          Array.from({ length: 100 }, (_, i) => ({
            transport: side.transport,
            packet: rtpPacket(2, sequenceNumber + i, Buffer.alloc(1000)),
          })),
        );
        await new Promise(setImmediate);
      }
      await until("told", () => {
        return side.seen.completions.some((c) => c.outcome === SendOutcome.QUEUE_FULL);
      });
    });

    it("bounds connections: the oldest that no transport uses gives way", async () => {
      const { side, peer } = await withTcpPeer({ tcpLimits: { maxConnections: 2 } });
      const idle = await fixture.tcpPeer(side.io.port);
      idle.socket.write(framed(stunMessage()));
      await until("the check", () => side.seen.datagrams.length === 2);
      const newest = await fixture.tcpPeer(side.io.port);
      await until("given way", () => idle.closed);
      newest.socket.write(framed(stunMessage()));
      await until("the check", () => side.seen.datagrams.length === 3);
      expect(peer.closed).toBe(false);
      expect(newest.closed).toBe(false);
      expect(side.io.counters().receiveDrops["tcp-framing"]).toBe(1);
    });

    it("closes connections that stay silent or that nobody takes", async () => {
      const { side, peer } = await withTcpPeer({
        tcpLimits: { idleTimeoutMs: 1, unclaimedTimeoutMs: 1 },
      });
      const unclaimed = await fixture.tcpPeer(side.io.port);
      await until("both closed", () => peer.closed && unclaimed.closed);
      await until("told", () => side.seen.closedRemotes.length === 2);
    });
  });
}
