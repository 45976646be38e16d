import { ReceiveKind } from "@cation/engine/receive-batch";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Fixture, SLOT_COUNT } from "./testing/contract-fixture.ts";
import { keyPair, rtcpPacket, rtpPacket, stunMessage, until } from "./testing/contract-kit.ts";
import type { OpenMediaIo } from "./media-io.contract.ts";
import { SrtpProfile, type MediaIo, type ReceiveDropReason } from "./media-io.ts";
import { MAX_SSRCS } from "./srtp-context.ts";

/** Datagrams to records: demultiplexing, authentication, replay protection, counters. */
export function mediaIoReceiveContract(open: OpenMediaIo): void {
  const fixture = new Fixture(open);

  describe("receiving", () => {
    it("stores packets in slots with generation, kind and arrival", async () => {
      const { side, peer, maker } = await fixture.withRawPeer();
      const beforeUs = side.io.nowUs();
      await peer.send(maker.rtp(rtpPacket(1, 1, Buffer.from("first"))), side.io.port);
      await peer.send(maker.rtcp(rtcpPacket(1, 3), 1), side.io.port);
      await until("both", () => side.seen.packets.length === 2);
      const afterUs = side.io.nowUs();
      const [rtp, rtcp] = side.seen.packets;
      expect(rtp).toMatchObject({ transport: side.transport, kind: ReceiveKind.RTP });
      expect(rtp.bytes.subarray(12).toString()).toBe("first");
      expect(rtcp).toMatchObject({ transport: side.transport, kind: ReceiveKind.RTCP });
      expect(rtcp.bytes).toEqual(rtcpPacket(1, 3));
      expect(rtp.slot).not.toBe(rtcp.slot);
      expect(side.io.store.generations[rtp.slot]).toBe(rtp.generation);
      expect(beforeUs - 1000).toBeLessThanOrEqual(rtp.arrivalUs);
      expect(rtp.arrivalUs).toBeLessThanOrEqual(rtcp.arrivalUs);
      expect(rtcp.arrivalUs).toBeLessThanOrEqual(afterUs);
    });

    it("raises a slot's generation before it is written again", async () => {
      const { side, peer, maker } = await fixture.withRawPeer();
      await peer.send(maker.rtp(rtpPacket(1, 0, Buffer.alloc(100))), side.io.port);
      await until("the first", () => side.seen.packets.length === 1);
      const [first] = side.seen.packets;
      for (let i = 0; i < SLOT_COUNT - 1; i++) side.io.store.allocate();
      expect(side.io.store.generations[first.slot]).toBe(first.generation);
      await peer.send(maker.rtp(rtpPacket(1, 1, Buffer.alloc(100))), side.io.port);
      await until("the second", () => side.seen.packets.length === 2);
      expect(side.seen.packets[1].slot).toBe(first.slot);
      expect(side.io.store.generations[first.slot]).toBeGreaterThan(first.generation);
    });

    for (const [name, profile] of Object.entries(SrtpProfile)) {
      it(`drops replays and what is too old, ${name}`, async () => {
        const { side, peer, maker } = await fixture.withRawPeer(profile);
        const rtp = (seq: number): Buffer => maker.rtp(rtpPacket(1, seq, Buffer.alloc(50, seq)));
        const rtcp = (index: number): Buffer => maker.rtcp(rtcpPacket(1, 2), index);
        const [rtpOld, rtcpOld] = [rtp(1), rtcp(1)];
        for (const seq of [100, 99, 5000]) await peer.send(rtp(seq), side.io.port);
        for (const index of [100, 99, 5000]) await peer.send(rtcp(index), side.io.port);
        await until("six packets", () => side.seen.packets.length === 6);
        await peer.send(rtp(5000), side.io.port);
        await peer.send(rtcp(5000), side.io.port);
        await untilDropped(side.io, "replayed", 2);
        await peer.send(rtpOld, side.io.port);
        await peer.send(rtcpOld, side.io.port);
        await untilDropped(side.io, "too-old", 2);
        // Behind the newest, inside the window, not seen before.
        await peer.send(rtp(4999), side.io.port);
        await peer.send(rtcp(4999), side.io.port);
        await until("late ones", () => side.seen.packets.length === 8);
      });

      it(`moves nothing for a forged packet, ${name}`, async () => {
        const { side, peer, maker } = await fixture.withRawPeer(profile);
        const genuine = maker.rtp(rtpPacket(1, 7, Buffer.alloc(40, 1)));
        const report = maker.rtcp(rtcpPacket(1, 4), 7);
        let forgeries = 0;
        for (let at = 2; at < genuine.length; at++) {
          const forged = Buffer.from(genuine);
          forged[at] ^= 0x80;
          await peer.send(forged, side.io.port);
          forgeries++;
        }
        for (let at = 4; at < report.length; at++) {
          const forged = Buffer.from(report);
          forged[at] ^= 0x80;
          await peer.send(forged, side.io.port);
          forgeries++;
        }
        await untilDropped(side.io, "bad-tag", forgeries);
        await peer.send(genuine, side.io.port);
        await peer.send(report, side.io.port);
        await until("the genuine ones", () => side.seen.packets.length === 2);
        expect(side.io.counters().receivedPackets).toBe(2);
      });

      it(`follows the sequence number over its wrap, with loss and reordering, ${name}`, async () => {
        const { side, peer, maker } = await fixture.withRawPeer(profile);
        const wrap = 65_536;
        const around = [-40, -20, -21, 3, -1, 1, -2, 0, 2, -19, 40, 39];
        const indices = [...around.map((d) => wrap + d), wrap + 30_000, wrap + 60_000]
          .concat(around.map((d) => 2 * wrap + d))
          .concat([2 * wrap + 32_000, 2 * wrap - 1 + 64_000, 3 * wrap, 3 * wrap - 2]);
        for (const index of indices) {
          const packet = rtpPacket(1, index, Buffer.from(String(index)));
          await peer.send(maker.rtp(packet, Math.floor(index / wrap)), side.io.port);
        }
        await until("all", () => side.seen.packets.length === indices.length);
        const received = side.seen.packets.map(({ bytes }) => Number(bytes.subarray(12)));
        expect(received).toEqual(indices);
      });
    }

    it("drops every truncation of a packet, then takes the whole", async () => {
      for (const profile of [SrtpProfile.AEAD_AES_128_GCM, SrtpProfile.AES128_CM_HMAC_SHA1_80]) {
        const { side, peer, maker } = await fixture.withRawPeer(profile);
        const extended = rtpPacket(1, 1, Buffer.alloc(60));
        extended[0] |= 0x12;
        extended.writeUInt16BE(3, 12 + 8 + 2);
        const whole = [maker.rtp(extended, 0, 36), maker.rtcp(rtcpPacket(1, 5), 1)];
        let cut = 0;
        for (const packet of whole) {
          for (let length = 0; length < packet.length; length++) {
            await peer.send(packet.subarray(0, length), side.io.port);
            cut++;
          }
        }
        const drops = (): number => {
          const { truncated, "bad-tag": badTag } = side.io.counters().receiveDrops;
          return truncated + badTag;
        };
        await until("all dropped", () => drops() === cut);
        for (const packet of whole) await peer.send(packet, side.io.port);
        await until("the whole ones", () => side.seen.packets.length === 2);
      }
    });

    it("drops a header extension and CSRCs that run past the end", async () => {
      const { side, peer } = await fixture.withRawPeer();
      const liar = rtpPacket(1, 1, Buffer.alloc(40));
      liar[0] |= 0x10;
      liar.writeUInt16BE(0xffff, 14);
      await peer.send(liar, side.io.port);
      const csrcs = rtpPacket(1, 1, Buffer.alloc(20));
      csrcs[0] |= 0x0f;
      await peer.send(csrcs, side.io.port);
      await untilDropped(side.io, "truncated", 2);
    });

    it("drops what is longer than a slot", async () => {
      const { side, peer, maker } = await fixture.withRawPeer();
      for (const bytes of [2048, 9000, 60_000]) {
        await peer.send(maker.rtp(rtpPacket(1, 1, Buffer.alloc(bytes))), side.io.port);
      }
      await untilDropped(side.io, "oversized", 3);
      const longest = rtpPacket(1, 2, Buffer.alloc(2048 - 12 - 16, 3));
      await peer.send(maker.rtp(longest), side.io.port);
      await until("the longest", () => side.seen.packets.length === 1);
      expect(side.seen.packets[0].bytes).toEqual(longest);
    });

    it("keeps streams apart by ssrc, and bounds them", async () => {
      const { side, peer, maker } = await fixture.withRawPeer();
      const other = maker.rtp(rtpPacket(1, 5, Buffer.alloc(9)));
      other.writeUInt32BE(2, 8);
      await peer.send(other, side.io.port);
      await untilDropped(side.io, "bad-tag", 1);
      for (let ssrc = 0; ssrc < MAX_SSRCS; ssrc++) {
        await peer.send(maker.rtp(rtpPacket(ssrc, 5, Buffer.alloc(9))), side.io.port);
      }
      await until("all streams", () => side.seen.packets.length === MAX_SSRCS);
      await peer.send(maker.rtp(rtpPacket(MAX_SSRCS, 5, Buffer.alloc(9))), side.io.port);
      await untilDropped(side.io, "too-many-ssrcs", 1);
      await peer.send(maker.rtp(rtpPacket(3, 6, Buffer.alloc(9))), side.io.port);
      await until("a known stream", () => side.seen.packets.length === MAX_SSRCS + 1);
    });

    it("counts media before the keys, and starts afresh with new ones", async () => {
      const { side, peer, maker } = await fixture.withRawPeer();
      const bare = side.io.openTransport();
      const stranger = await fixture.rawPeer();
      side.io.setRemote(bare, stranger.remote);
      const packet = maker.rtp(rtpPacket(1, 1, Buffer.alloc(9)));
      await stranger.send(packet, side.io.port);
      await untilDropped(side.io, "no-keys", 1);
      await peer.send(packet, side.io.port);
      await peer.send(packet, side.io.port);
      await untilDropped(side.io, "replayed", 1);
      side.io.setSrtpKeys(side.transport, keyPair(SrtpProfile.AEAD_AES_128_GCM).server);
      await peer.send(packet, side.io.port);
      await until("again", () => side.seen.packets.length === 2);
    });

    it("hands on STUN and DTLS, and only STUN from strangers", async () => {
      const { side, peer } = await fixture.withRawPeer();
      const stranger = await fixture.rawPeer();
      const dtls = Buffer.from([22, 254, 253, 0]);
      await peer.send(stunMessage(8), side.io.port);
      await peer.send(dtls, side.io.port);
      await stranger.send(stunMessage(), side.io.port);
      await stranger.send(dtls, side.io.port);
      await stranger.send(rtpPacket(1, 1, Buffer.alloc(40)), side.io.port);
      await untilDropped(side.io, "unknown-source", 2);
      await until("three datagrams", () => side.seen.datagrams.length === 3);
      const [stun, handshake, strange] = side.seen.datagrams;
      expect(stun).toMatchObject({ bytes: stunMessage(8), transport: side.transport });
      expect(stun.remote).toEqual(peer.remote);
      expect(handshake).toMatchObject({ bytes: dtls, transport: side.transport });
      expect(strange).toMatchObject({ bytes: stunMessage(), transport: 0 });
      expect(strange.remote).toEqual(stranger.remote);
      expect(stun.arrivalUs).toBeLessThanOrEqual(side.io.nowUs());
    });

    it("drops STUN without its frame, and every other protocol", async () => {
      const { side, peer } = await fixture.withRawPeer();
      const badCookie = stunMessage();
      badCookie[4] ^= 1;
      const badLength = stunMessage();
      badLength.writeUInt16BE(4, 2);
      const others = [4, 15, 16, 19, 64, 79, 80, 127, 192, 255].map((first) => {
        const bytes = stunMessage();
        bytes[0] = first;
        return bytes;
      });
      const datagrams = [badCookie, badLength, Buffer.from([0]), ...others];
      for (const datagram of datagrams) await peer.send(datagram, side.io.port);
      await untilDropped(side.io, "unknown-protocol", datagrams.length);
      expect(side.seen.datagrams).toEqual([]);
    });

    it("is not moved by random bytes, and counts each", async () => {
      const { side, peer, maker } = await fixture.withRawPeer();
      const stranger = await fixture.rawPeer();
      const noise = fc.uint8Array({ maxLength: 200 }).filter((bytes) => !isDtls(bytes));
      let sent = 0;
      await fc.assert(
        fc.asyncProperty(noise, fc.boolean(), async (bytes, known) => {
          await (known ? peer : stranger).send(bytes, side.io.port);
          sent++;
        }),
        { numRuns: 300 },
      );
      await until("all counted", () => sumOfDrops(side.io) === sent);
      expect(side.seen.packets).toEqual([]);
      expect(side.seen.datagrams).toEqual([]);
      await peer.send(maker.rtp(rtpPacket(1, 1, Buffer.alloc(9))), side.io.port);
      await until("a real packet", () => side.seen.packets.length === 1);
    });
  });
}

/** Waits until a drop reason has been counted so often. */
async function untilDropped(io: MediaIo, reason: ReceiveDropReason, count: number): Promise<void> {
  await until(`${reason} × ${count}, counters ${JSON.stringify(io.counters().receiveDrops)}`, () => {
    return io.counters().receiveDrops[reason] === count;
  });
}

function sumOfDrops(io: MediaIo): number {
  return Object.values(io.counters().receiveDrops).reduce((sum, count) => sum + count, 0);
}

/** DTLS of a known peer is handed on unseen, so it is no noise. */
function isDtls(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes[0] >= 20 && bytes[0] <= 63;
}
