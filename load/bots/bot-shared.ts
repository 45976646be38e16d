import { TransportFeedbackWriter } from "@cation/rtp/rtcp-transport-feedback-writer";
import type { Clock } from "@cation/service-kit/clock";
import { BotMedia } from "./bot-media.ts";
import type { DtlsClients } from "./dtls-clients.ts";
import { createMachineClock } from "./machine-clock.ts";
import { openDtlsClients } from "./open-dtls-clients.ts";

/** What all bots of a process share. */
export interface BotShared {
  /** Its monotonic half is the machine's; see machine-clock.ts. */
  readonly clock: Clock;
  /** Uniform in 0 … 1. */
  readonly random: () => number;
  readonly dtls: DtlsClients;
  readonly media: BotMedia;
  readonly feedbackWriter: TransportFeedbackWriter;
}

/** Reads the recorded media and makes a certificate: once a process. */
export function createBotShared(random: () => number = Math.random): BotShared {
  const clock = createMachineClock();
  return {
    clock,
    random,
    dtls: openDtlsClients(clock.nowMs()),
    media: new BotMedia(),
    feedbackWriter: new TransportFeedbackWriter(),
  };
}
