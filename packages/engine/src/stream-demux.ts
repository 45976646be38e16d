import type { Ssrc } from "@cation/rtp/units";
import type { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import type { HeaderExtensionIds, HeaderExtensionName } from "./header-extensions.ts";
import type { Producer } from "./producer.ts";
import type { ProducerStream } from "./producer-stream.ts";

const SECOND_US = 1_000_000;

/** Whose packets an ssrc's are. */
export interface StreamRoute {
  readonly stream: ProducerStream;
  /** Carries RTX (RFC 4588) of that stream. */
  readonly rtx: boolean;
}

/** Why `learn` found no route. */
export const LearnFailure = { UNKNOWN: 0, LIMIT: 1 } as const;
export type LearnFailure = (typeof LearnFailure)[keyof typeof LearnFailure];

/**
 * Tells which stream a packet of a bundled transport belongs to (RFC 8843 §9.2): by ssrc; else by mid, and rid or
 * repaired rid, which teach the ssrc; else by a payload type that only one m-line has. Each stream has at most one ssrc and
 * one RTX ssrc at a time, and new ones are learnt at a limited rate, so a flood of ssrcs costs neither memory nor time.
 */
export class StreamDemux {
  readonly #routes = new Map<number, StreamRoute>();
  readonly #byMid = new Map<string, Producer>();
  readonly #producers: Producer[] = [];
  readonly #ids: Record<HeaderExtensionName, number>;
  readonly #burst: number;
  #tokens: number;
  #refilledUs = 0;

  constructor(extensions: HeaderExtensionIds, burst: number) {
    this.#ids = { ...extensions };
    this.#burst = burst;
    this.#tokens = burst;
  }

  get routeCount(): number {
    return this.#routes.size;
  }

  addProducer(producer: Producer): void {
    this.#producers.push(producer);
    if (producer.params.mid !== "") this.#byMid.set(producer.params.mid, producer);
    for (const name of Object.keys(this.#ids) as HeaderExtensionName[]) {
      if (this.#ids[name] === 0) this.#ids[name] = producer.params.extensions[name];
    }
    for (const stream of producer.streams) {
      if (stream.ssrc !== 0) this.#routes.set(stream.ssrc | 0, { stream, rtx: false });
      if (stream.rtxSsrc !== 0) this.#routes.set(stream.rtxSsrc | 0, { stream, rtx: true });
    }
  }

  removeProducer(producer: Producer): void {
    const index = this.#producers.indexOf(producer);
    if (index < 0) return;
    this.#producers.splice(index, 1);
    if (this.#byMid.get(producer.params.mid) === producer) this.#byMid.delete(producer.params.mid);
    for (const [ssrc, route] of this.#routes) {
      if (route.stream.producer === producer) this.#routes.delete(ssrc);
    }
  }

  /** Route of a known ssrc (int32). */
  find(ssrc: number): StreamRoute | undefined {
    return this.#routes.get(ssrc);
  }

  /** Finds out whose packet it is that came with an unknown ssrc. Remembers the ssrc. */
  learn(view: RtpPacketView, nowUs: number): StreamRoute | LearnFailure {
    const producer = this.#producerOf(view);
    if (producer === undefined) return LearnFailure.UNKNOWN;
    const rtx = producer.isRtxPayloadType(view.payloadType);
    const stream = this.#streamOf(producer, view, rtx);
    if (stream === undefined) return LearnFailure.UNKNOWN;
    if (!this.#takeToken(nowUs)) return LearnFailure.LIMIT;
    const route = { stream, rtx };
    const old = rtx ? stream.rtxSsrc : stream.ssrc;
    if (old !== 0) this.#routes.delete(old | 0);
    this.#routes.set(view.ssrc | 0, route);
    if (rtx) stream.rtxSsrc = view.ssrc;
    else stream.changeSsrc(view.ssrc as Ssrc, nowUs);
    return route;
  }

  #producerOf(view: RtpPacketView): Producer | undefined {
    const offset = view.findExtension(this.#ids.mid);
    if (offset >= 0) return this.#byMid.get(latin1(view.bytes, offset, view.extensionBytes));
    let found: Producer | undefined;
    for (const producer of this.#producers) {
      if (!producer.hasPayloadType(view.payloadType)) continue;
      if (found !== undefined) return undefined;
      found = producer;
    }
    return found;
  }

  #streamOf(producer: Producer, view: RtpPacketView, rtx: boolean): ProducerStream | undefined {
    let offset = rtx ? view.findExtension(this.#ids.repairedRid) : -1;
    if (offset < 0) offset = view.findExtension(this.#ids.rid);
    if (offset >= 0) {
      const rid = latin1(view.bytes, offset, view.extensionBytes);
      return producer.streams.find((stream) => stream.rid === rid);
    }
    // Without a rid only a single encoding leaves no doubt.
    return producer.streams.length === 1 ? producer.streams[0] : undefined;
  }

  #takeToken(nowUs: number): boolean {
    const seconds = Math.floor((nowUs - this.#refilledUs) / SECOND_US);
    if (seconds > 0) {
      this.#tokens = Math.min(this.#burst, this.#tokens + seconds);
      this.#refilledUs += seconds * SECOND_US;
    }
    if (this.#tokens === 0) return false;
    this.#tokens--;
    return true;
  }
}

function latin1(bytes: Uint8Array, offset: number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[offset + i]);
  return text;
}
