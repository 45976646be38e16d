import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { LinkModel, PERFECT_LINK } from "./link-model.ts";
import type { LinkConfig } from "./link-model.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Both directions of the path of one group of clients; `up` is toward the server. */
export type RelayDirection = "up" | "down";

/** Where a relay listens, and where it passes on to. */
export interface UdpRelayOptions {
  readonly host: string;
  readonly port: number;
  readonly targetHost: string;
  readonly targetPort: number;
  readonly seed: number;
}

interface Datagram {
  readonly bytes: Uint8Array;
  readonly deliver: (bytes: Uint8Array) => void;
}

/** What a link has done to packets. */
export interface RelayCounters {
  readonly offered: number;
  readonly delivered: number;
  readonly lost: number;
  readonly overflowed: number;
}

const UNIMPAIRED: LinkConfig = { ...PERFECT_LINK, delayUs: 0 };
/** Clients that come and go leave their sockets behind for so long. */
const MAX_FLOWS = 256;

/** A link model in real time: what is sent arrives by itself. */
class RealTimeLink {
  readonly model: LinkModel<Datagram>;
  #timer: NodeJS.Timeout | undefined;
  #armedUs = Number.POSITIVE_INFINITY;

  constructor(random: SeededRandom) {
    this.model = new LinkModel<Datagram>(UNIMPAIRED, random);
  }

  send(datagram: Datagram): void {
    this.model.offer(datagram, datagram.bytes.length, nowUs());
    this.#pump();
  }

  configure(change: Partial<LinkConfig>): void {
    this.model.configure(change, nowUs());
    this.#pump();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.model.clear();
  }

  #pump(): void {
    for (let next = this.model.take(nowUs()); next !== undefined; next = this.model.take(nowUs())) {
      next.deliver(next.bytes);
    }
    const nextUs = this.model.nextUs;
    if (nextUs === this.#armedUs || nextUs === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.#timer);
    this.#armedUs = nextUs;
    this.#timer = setTimeout(
      () => {
        this.#armedUs = Number.POSITIVE_INFINITY;
        this.#pump();
      },
      (nextUs - nowUs()) / 1_000,
    );
  }
}

/**
 * Stands between real UDP sockets and does to their packets what a link model says, in real time: clients send to its address, each
 * gets a socket of its own toward the server. Clients are put into groups as they come; a group has one link for each direction,
 * as a household has.
 */
export class UdpRelay {
  readonly #socket: Socket;
  readonly #options: UdpRelayOptions;
  readonly #random: SeededRandom;
  readonly #links = new Map<string, RealTimeLink>();
  readonly #flows = new Map<string, { readonly upstream: Socket; readonly group: string }>();
  #group = "first";

  /** Listens. Rejects where the address is taken. */
  static async open(options: UdpRelayOptions): Promise<UdpRelay> {
    const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 20, sendBufferSize: 1 << 20 });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(options.port, options.host, () => resolve());
    });
    return new UdpRelay(socket, options);
  }

  private constructor(socket: Socket, options: UdpRelayOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    socket.on("message", (bytes, from) => this.#fromClient(bytes, from));
    socket.on("error", () => undefined);
  }

  /** Clients that come from now on are of this group. */
  setGroup(group: string): void {
    this.#group = group;
  }

  configure(group: string, direction: RelayDirection, change: Partial<LinkConfig>): void {
    this.#link(group, direction).configure(change);
  }

  counters(group: string, direction: RelayDirection): RelayCounters {
    const { offered, delivered, lost, overflowed } = this.#link(group, direction).model.counters;
    return { offered, delivered, lost, overflowed };
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
    for (const { upstream } of this.#flows.values()) upstream.close();
    this.#flows.clear();
    this.#socket.close();
  }

  #fromClient(bytes: Uint8Array, from: RemoteInfo): void {
    const flow = this.#flows.get(`${from.address}:${from.port}`) ?? this.#open(from);
    if (flow === undefined) return;
    const { targetHost, targetPort } = this.#options;
    const deliver = (packet: Uint8Array): void => flow.upstream.send(packet, targetPort, targetHost);
    this.#link(flow.group, "up").send({ bytes, deliver });
  }

  #open(from: RemoteInfo): { readonly upstream: Socket; readonly group: string } | undefined {
    if (this.#flows.size >= MAX_FLOWS) return undefined;
    const upstream = createSocket({ type: "udp4", recvBufferSize: 1 << 20, sendBufferSize: 1 << 20 });
    const flow = { upstream, group: this.#group };
    const deliver = (packet: Uint8Array): void => this.#socket.send(packet, from.port, from.address);
    upstream.on("message", (bytes) => this.#link(flow.group, "down").send({ bytes, deliver }));
    upstream.on("error", () => undefined);
    this.#flows.set(`${from.address}:${from.port}`, flow);
    return flow;
  }

  #link(group: string, direction: RelayDirection): RealTimeLink {
    const key = `${group}/${direction}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new RealTimeLink(this.#random.fork());
      this.#links.set(key, link);
    }
    return link;
  }
}

function nowUs(): number {
  return Math.round(performance.now() * 1_000);
}
