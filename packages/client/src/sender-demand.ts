import type { TrackDemand } from "@cation/proto/client/v1/client";

/**
 * Sends of one track only the encodings that somebody wants. Demands come as they please and `setParameters` takes its
 * time: one call is under way at most, and the last demand counts.
 */
export class SenderDemand {
  readonly #sender: RTCRtpSender;
  #wanted: TrackDemand | undefined;
  #isApplying = false;

  constructor(sender: RTCRtpSender) {
    this.#sender = sender;
  }

  set(demand: TrackDemand): void {
    this.#wanted = demand;
    if (!this.#isApplying) void this.#apply();
  }

  async #apply(): Promise<void> {
    this.#isApplying = true;
    while (this.#wanted !== undefined) {
      const demand = this.#wanted;
      this.#wanted = undefined;
      try {
        const parameters = this.#sender.getParameters();
        if (selectEncodings(parameters.encodings, demand)) await this.#sender.setParameters(parameters);
      } catch {
        // A browser that cannot, or a sender that is gone: everything is sent as before.
      }
    }
    this.#isApplying = false;
  }
}

/** Switches encodings (lowest first) on and off. True where that changed anything. */
export function selectEncodings(encodings: RTCRtpEncodingParameters[], demand: TrackDemand): boolean {
  let changed = false;
  for (const [index, encoding] of encodings.entries()) {
    // Layers inside a single encoding are its encoder's business: it is needed as long as any of them is.
    const active = demand.wanted && (encodings.length === 1 || index <= demand.maxSpatialId);
    changed ||= (encoding.active ?? true) !== active;
    encoding.active = active;
  }
  return changed;
}
