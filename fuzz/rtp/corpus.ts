import { DependencyDescriptor } from "@cation/rtp/payload/dependency-descriptor";
import { DependencyStructure } from "@cation/rtp/payload/dependency-structure";
import { RtcpReader } from "@cation/rtp/rtcp-reader";
import type { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import { fixtureNames, loadFixture } from "../../packages/rtp/fixtures/fixture.ts";
import type { Fixture } from "../../packages/rtp/fixtures/fixture.ts";
import { mediaPackets, payloadOf } from "../../packages/rtp/fixtures/packets.ts";

const DEPENDENCY_DESCRIPTOR_URI =
  "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/** Valid inputs for the parsers, cut out of the captures. */
export class Corpus {
  readonly #fixtures: readonly Fixture[] = fixtureNames().map(loadFixture);

  /** Whole packets. */
  packets(kind: "rtp" | "rtcp"): Uint8Array[] {
    return this.#fixtures.flatMap(({ records }) => records.filter((one) => one.kind === kind).map((one) => one.bytes));
  }

  /** RTP payloads of a codec, such as "video/VP8". */
  payloads(codec: string): Uint8Array[] {
    return this.#media(codec).map(payloadOf);
  }

  /** Single RTCP packets of a type and, where given, format. */
  rtcp(packetType: number, format?: number): Uint8Array[] {
    const reader = new RtcpReader();
    const found: Uint8Array[] = [];
    for (const bytes of this.packets("rtcp")) {
      reader.set(bytes, 0, bytes.length);
      while (reader.next()) {
        if (reader.packetType !== packetType || (format !== undefined && reader.format !== format)) continue;
        found.push(bytes.slice(reader.offset, reader.offset + reader.byteLength));
      }
    }
    return found;
  }

  /** Dependency descriptors, and the structure that most of them refer to. */
  descriptors(): { seeds: Uint8Array[]; structure: DependencyStructure } {
    const structure = new DependencyStructure();
    const seeds: Uint8Array[] = [];
    const descriptor = new DependencyDescriptor();
    for (const { name, info, records } of this.#fixtures) {
      const id = info.extensions[DEPENDENCY_DESCRIPTOR_URI];
      if (id === undefined) continue;
      for (const view of mediaPackets({ name, info, records })) {
        const position = view.findExtension(id);
        if (position < 0) continue;
        const bytes = view.bytes.slice(position, position + view.extensionBytes);
        seeds.push(bytes);
        descriptor.set(bytes, 0, bytes.length, structure);
        if (descriptor.structurePresent && name === "chromium-av1-l2t2-key") {
          structure.copyFrom(descriptor.attachedStructure);
        }
      }
    }
    return { seeds, structure };
  }

  #media(codec: string): RtpPacketView[] {
    return this.#fixtures.filter(({ info }) => info.codec === codec).flatMap(mediaPackets);
  }
}
