import type { Consumer } from "@cation/engine/consumer";

/** What goes over a link, as far as it is read here. */
export interface LinkOutput {
  readonly roomId: string;
  readonly outgoing: Iterable<{ readonly trackId: string; readonly consumer: Consumer | undefined }>;
}

/**
 * Lets only the loudest of this node's voices of a room go over its links. What comes over a relay itself passes: the node
 * where it comes in has chosen already.
 */
export function forwardLoudest(
  links: Iterable<LinkOutput>,
  roomId: string,
  loudest: ReadonlySet<string>,
  setPaused: (consumer: Consumer, paused: boolean) => void,
): void {
  for (const link of links) {
    if (link.roomId !== roomId) continue;
    for (const { trackId, consumer } of link.outgoing) {
      if (consumer === undefined) continue;
      const { kind, origin } = consumer.producer.params;
      if (kind === "audio" && origin === "local") setPaused(consumer, !loudest.has(trackId));
    }
  }
}
