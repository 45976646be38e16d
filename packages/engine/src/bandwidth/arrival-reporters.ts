import { TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import type { RtpPacketView } from "@cation/rtp/rtp-packet-view";
import type { EngineTransport } from "../engine-transport.ts";
import type { RtcpOutbox } from "../rtcp-outbox.ts";
import { ArrivalReporter } from "./arrival-reporter.ts";
import type { ArrivalFeedback } from "./arrival-reporter.ts";

/** The reporters of all transports that send to us. */
export class ArrivalReporters {
  readonly #outbox: RtcpOutbox;
  readonly #writer = new TransportFeedbackWriter();
  readonly #transports: EngineTransport[] = [];
  #dueUs = Number.POSITIVE_INFINITY;

  constructor(outbox: RtcpOutbox) {
    this.#outbox = outbox;
  }

  /** When something is due. */
  get dueUs(): number {
    return this.#dueUs;
  }

  /** A packet has come on a transport. */
  receive(transport: EngineTransport, view: RtpPacketView, arrivalUs: number, nowUs: number): void {
    const reporter = transport.arrivals;
    if (reporter === undefined) return;
    reporter.receive(view, arrivalUs, nowUs);
    if (reporter.dueUs < this.#dueUs) this.#dueUs = reporter.dueUs;
  }

  /** What was agreed on a transport has changed: reports begin, change their kind, or end. */
  refresh(transport: EngineTransport): void {
    const feedback = agreedFeedback(transport);
    const present = transport.arrivals?.feedback;
    if (feedback === undefined) {
      transport.arrivals = undefined;
      const index = this.#transports.indexOf(transport);
      if (index >= 0) this.#transports.splice(index, 1);
      return;
    }
    const same =
      present !== undefined &&
      present.kind === feedback.kind &&
      present.transportCcId === feedback.transportCcId &&
      present.absSendTimeId === feedback.absSendTimeId;
    if (same) return;
    if (present === undefined) this.#transports.push(transport);
    transport.arrivals = new ArrivalReporter(feedback);
  }

  /** Sends what is due. */
  run(nowUs: number): void {
    if (nowUs < this.#dueUs) return;
    let dueUs = Number.POSITIVE_INFINITY;
    for (const transport of this.#transports) {
      const reporter = transport.arrivals;
      if (reporter === undefined) continue;
      reporter.run(transport, this.#writer, this.#outbox, nowUs);
      dueUs = Math.min(dueUs, reporter.dueUs);
    }
    this.#dueUs = dueUs;
  }
}

/** What the producers of a transport negotiated; undefined for neither. Extension ids are the same on all m-lines of it (RFC 9143 §9.2). */
function agreedFeedback(transport: EngineTransport): ArrivalFeedback | undefined {
  let transportCcId = 0;
  let absSendTimeId = 0;
  let remb = false;
  for (const { params } of transport.producers) {
    if (params.origin === "relay") continue;
    absSendTimeId ||= params.extensions.absSendTime;
    for (const { feedback } of params.codecs) {
      if (feedback.transportCc) transportCcId ||= params.extensions.transportCc;
      remb ||= feedback.remb;
    }
  }
  if (transportCcId !== 0) return { transportCcId, absSendTimeId, kind: "transport-cc" };
  return remb ? { transportCcId, absSendTimeId, kind: "remb" } : undefined;
}
