import { SEND_RECORD_BYTES, SendBatch, SendKind, SendOutcome } from "@cation/engine/send-batch";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connectUdp, Fixture, SLOT_COUNT } from "./testing/contract-fixture.ts";
import { addRecord, rtcpPacket, rtpPacket, sendAll, until, type RecordInput } from "./testing/contract-kit.ts";
import type { OpenMediaIo } from "./media-io.contract.ts";
import { SrtpProfile } from "./media-io.ts";
import { LIBSRTP, unhex } from "./testing/srtp-vectors.ts";

/** Records to packets, and what is said of them. */
export function mediaIoSendContract(open: OpenMediaIo): void {
  const fixture = new Fixture(open);

  describe("sending", () => {
    for (const vector of LIBSRTP.profiles) {
      it(`makes libsrtp's reference packets, profile ${vector.profile}`, async () => {
        const peer = await fixture.rawPeer();
        const { io } = await fixture.io();
        const key = unhex(vector.masterKey);
        const salt = unhex(vector.masterSalt);
        const transport = connectUdp(io, peer.remote.port, {
          profile: vector.profile,
          localKey: key,
          localSalt: salt,
          remoteKey: key,
          remoteSalt: salt,
        });
        const rtp = unhex(LIBSRTP.rtp);
        const rtcp = unhex(LIBSRTP.rtcp);
        sendAll(io, [
          { transport, packet: rtp },
          { transport, packet: rtp, prefixBytes: 12 },
          { transport, packet: rtp, prefixBytes: 17 },
          { transport, packet: rtcp, kind: SendKind.RTCP, index: LIBSRTP.rtcpIndex },
          {
            transport,
            packet: rtcp,
            kind: SendKind.RTCP,
            index: LIBSRTP.rtcpIndex,
            prefixBytes: 3,
          },
        ]);
        await until("five packets", () => peer.received.length === 5);
        expect(peer.received.map((packet) => packet.toString("hex"))).toEqual([
          vector.srtp,
          vector.srtp,
          vector.srtp,
          vector.srtcp,
          vector.srtcp,
        ]);
      });
    }

    for (const [name, profile] of Object.entries(SrtpProfile)) {
      it(`sends what the other side receives, ${name}`, async () => {
        const [a, b] = await fixture.pair(profile);
        let next = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(inputArbitrary, { maxLength: 40 }), async (inputs) => {
            const records = inputs.map((input) => toRecord(input, a.transport, next++));
            const before = b.seen.packets.length;
            sendAll(a.io, records);
            await until("all received", () => b.seen.packets.length === before + records.length);
            const received = b.seen.packets.slice(before);
            expect(received.map(({ kind, bytes }) => ({ kind, bytes }))).toEqual(
              records.map(({ kind, packet }) => ({ kind, bytes: Buffer.from(packet) })),
            );
            expect(received.every(({ transport }) => transport === b.transport)).toBe(true);
          }),
          { numRuns: 25 },
        );
      });
    }

    it("sends the longest packet a record can hold", async () => {
      const { side, peer, maker } = await fixture.withRawPeer();
      const packet = rtpPacket(1, 1, Buffer.alloc(96 - 12 + 2041, 0x5a));
      sendAll(side.io, [{ transport: side.transport, packet }]);
      await until("the packet", () => peer.received.length === 1);
      expect(maker.open(peer.received[0], "rtp")).toBe(packet.length);
      expect(peer.received[0].subarray(0, packet.length)).toEqual(packet);
    });

    it("says of each record what became of it, in order", async () => {
      const [a, b] = await fixture.pair();
      const batchSize = 100;
      const beforeUs = a.io.nowUs();
      for (let first = 0; first < 300; first += batchSize) {
        sendAll(
          a.io,
          Array.from({ length: batchSize }, (_, i) => ({
            transport: a.transport,
            packet: rtpPacket(5, first + i, Buffer.alloc(i)),
            token: 0xffff_0000 + first + i,
          })),
        );
      }
      await until("300 completions", () => a.seen.completions.length === 300);
      const afterUs = a.io.nowUs();
      let previousUs: number = beforeUs;
      for (const [i, completion] of a.seen.completions.entries()) {
        expect(completion).toMatchObject({
          transport: a.transport,
          token: 0xffff_0000 + i,
          outcome: SendOutcome.SENT,
          wireBytes: 12 + (i % batchSize) + 16,
        });
        expect(completion.sentUs).toBeGreaterThanOrEqual(previousUs);
        previousUs = completion.sentUs;
      }
      expect(previousUs).toBeLessThanOrEqual(afterUs);
      await until("300 packets", () => b.seen.packets.length === 300);
      expect(a.io.counters().sentPackets).toBe(300);
      expect(b.io.counters().receivedBytes).toBe(a.io.counters().sentBytes);
    });

    it("never calls back from inside a call", async () => {
      const [a, b] = await fixture.pair();
      const packets = (first: number): RecordInput[] =>
        Array.from({ length: 50 }, (_, i) => ({
          transport: b.transport,
          packet: rtpPacket(9, first + i, Buffer.alloc(20)),
        }));
      let answered = 0;
      b.seen.onPackets = () => sendAll(b.io, packets(50 * answered++));
      a.seen.guarded(() => {
        sendAll(
          a.io,
          packets(0).map((input) => ({ ...input, transport: a.transport })),
        );
      });
      await until("answers", () => answered > 0 && a.seen.packets.length === 50 * answered);
      await until("completions", () => b.seen.completions.length === 50 * answered);
      expect(a.seen.reentrantCalls).toBe(0);
      expect(b.seen.reentrantCalls).toBe(0);
    });

    it("drops what its slot no longer holds", async () => {
      const { side, peer } = await fixture.withRawPeer();
      const batch = new SendBatch(2);
      const late = rtpPacket(1, 1, Buffer.alloc(500, 1));
      addRecord(batch, side.io.store, { transport: side.transport, packet: late, token: 1 });
      for (let i = 0; i < SLOT_COUNT; i++) side.io.store.allocate();
      const fresh = rtpPacket(1, 2, Buffer.alloc(500, 2));
      addRecord(batch, side.io.store, { transport: side.transport, packet: fresh, token: 2 });
      side.io.send(batch);
      await until("both completions", () => side.seen.completions.length === 2);
      expect(side.seen.completions.map(({ token, outcome }) => [token, outcome])).toEqual(
        expect.arrayContaining([
          [1, SendOutcome.SLOT_OVERWRITTEN],
          [2, SendOutcome.SENT],
        ]),
      );
      await until("the fresh one", () => peer.received.length === 1);
      expect(side.io.counters().sendDrops.slotOverwritten).toBe(1);
    });

    it("reports records without a way as NO_TRANSPORT", async () => {
      const { io, seen } = await fixture.io();
      const peer = await fixture.rawPeer();
      const noKeys = io.openTransport();
      io.setRemote(noKeys, peer.remote);
      const { side } = await fixture.withRawPeer();
      const noAddress = connectUdp(io, 9, keysOf(SrtpProfile.AEAD_AES_128_GCM));
      io.setRemote(noAddress, { protocol: "udp", address: "no address", port: 9 });
      const closed = connectUdp(io, peer.remote.port, keysOf(SrtpProfile.AEAD_AES_128_GCM));
      io.closeTransport(closed);
      const packet = rtpPacket(1, 1, Buffer.alloc(3));
      const handles = [0, 0xffff_ffff, 77, noKeys, noAddress, closed];
      sendAll(
        io,
        handles.map((transport, token) => ({ transport, packet, token })),
      );
      await until("completions", () => seen.completions.length === handles.length);
      for (const [i, transport] of handles.entries()) {
        const outcome = SendOutcome.NO_TRANSPORT;
        expect(seen.completions).toContainEqual(expect.objectContaining({ transport, token: i, outcome }));
      }
      expect(io.counters().sendDrops.noTransport).toBe(handles.length);
      expect(side.io.counters().sentPackets).toBe(0);
    });

    it("reports records that make no sense as SOCKET_ERROR, and sends none of their bytes", async () => {
      const { side, peer } = await fixture.withRawPeer();
      const edits: ((view: DataView) => void)[] = [
        (view) => view.setUint16(22, 97, true), // prefix too long
        (view) => view.setUint16(22, 0xffff, true),
        (view) => view.setUint32(28, 97, true), // header longer than the prefix
        (view) => view.setUint32(28, 11, true), // header too short
        (view) => view.setUint32(28, 0xffff_ffff, true),
        (view) => view.setUint8(20, 2), // unknown kind
        (view) => view.setUint32(4, SLOT_COUNT, true), // no such slot
        (view) => view.setUint32(4, 0xffff_ffff, true),
        (view) => view.setUint16(12, 2040, true), // rest beyond the slot
        (view) => view.setUint16(14, 0xffff, true),
      ];
      const batch = new SendBatch(edits.length);
      for (const [token, edit] of edits.entries()) {
        const packet = rtpPacket(1, token, Buffer.alloc(400));
        addRecord(batch, side.io.store, { transport: side.transport, packet, token });
        edit(new DataView(batch.buffer, token * SEND_RECORD_BYTES, SEND_RECORD_BYTES));
      }
      side.io.send(batch);
      await until("completions", () => side.seen.completions.length === edits.length);
      for (const { outcome } of side.seen.completions) {
        expect(outcome).toBe(SendOutcome.SOCKET_ERROR);
      }
      await expectQuiet(side.io.port, peer.received);
    });

    it("takes random records without harm, and completes each", async () => {
      const { side } = await fixture.withRawPeer();
      const records = fc.array(fc.uint8Array({ minLength: SEND_RECORD_BYTES, maxLength: SEND_RECORD_BYTES }), {
        maxLength: 8,
      });
      await fc.assert(
        fc.asyncProperty(records, fc.boolean(), async (inputs, own) => {
          const batch = new SendBatch(8);
          for (const [i, record] of inputs.entries()) {
            batch.u8.set(record, i * SEND_RECORD_BYTES);
            if (own) batch.u32[(i * SEND_RECORD_BYTES) / 4] = side.transport;
          }
          batch.count = inputs.length;
          const before = side.seen.completions.length;
          side.io.send(batch);
          await until("completions", () => side.seen.completions.length === before + inputs.length);
        }),
        { numRuns: 100 },
      );
    });

    it("sends plain datagrams, copied at once", async () => {
      const { io } = await fixture.io();
      const peer = await fixture.rawPeer();
      const bytes = Buffer.from([20, 1, 2, 3]);
      io.sendDatagram(peer.remote, bytes);
      bytes.fill(0);
      await until("the datagram", () => peer.received.length === 1);
      expect([...peer.received[0]]).toEqual([20, 1, 2, 3]);
      io.sendDatagram({ protocol: "udp", address: "bad", port: 1 }, bytes);
      io.sendDatagram({ protocol: "udp", address: "127.0.0.1", port: 0 }, bytes);
      io.sendDatagram({ protocol: "tcp", address: "127.0.0.1", port: 5 }, bytes);
      expect(io.counters().sendDrops.socketError).toBe(3);
    });
  });

  async function expectQuiet(port: number, received: readonly Buffer[]): Promise<void> {
    // What was sent before this datagram would have come before it.
    const { io } = await fixture.io();
    const witness = await fixture.rawPeer();
    io.sendDatagram(witness.remote, Buffer.from([20]));
    await until("the witness", () => witness.received.length === 1);
    expect(received).toEqual([]);
    expect(port).toBeGreaterThan(0);
  }
}

interface PacketInput {
  readonly rtcp: boolean;
  readonly payload: Uint8Array;
  readonly extensionWords: number;
  readonly prefixExtra: number;
}

const inputArbitrary: fc.Arbitrary<PacketInput> = fc.record({
  rtcp: fc.boolean(),
  payload: fc.uint8Array({ maxLength: 1300, size: "max" }),
  extensionWords: fc.nat(15),
  prefixExtra: fc.nat(96),
});

/** A well-formed packet of its own index; RTP with a header extension, split anywhere after the header. */
function toRecord(input: PacketInput, transport: number, index: number): RecordInput & { kind: number } {
  if (input.rtcp) {
    const packet = rtcpPacket(3, input.payload.length >> 3);
    const prefixBytes = Math.min(input.prefixExtra, packet.length);
    return { transport, packet, kind: SendKind.RTCP, index, prefixBytes };
  }
  const headerBytes = 16 + 4 * input.extensionWords;
  const packet = rtpPacket(2, index, Buffer.concat([Buffer.alloc(headerBytes - 12), input.payload]));
  packet[0] |= 0x10;
  packet.writeUInt16BE(0xbede, 12);
  packet.writeUInt16BE(input.extensionWords, 14);
  const prefixBytes = Math.min(headerBytes + input.prefixExtra, packet.length, 96);
  return { transport, packet, kind: SendKind.RTP, index: index >>> 16, headerBytes, prefixBytes };
}

function keysOf(profile: SrtpProfile): Parameters<typeof connectUdp>[2] {
  const localKey = new Uint8Array(16);
  const localSalt = new Uint8Array(12);
  return { profile, localKey, localSalt, remoteKey: localKey, remoteSalt: localSalt };
}
