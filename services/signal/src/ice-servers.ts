import { createHmac } from "node:crypto";
import type { IceServer } from "@cation/proto/client/v1/client";
import type { Clock } from "@cation/service-kit/clock";
import type { SignalConfig } from "./signal-config.ts";

type TurnSettings = Pick<SignalConfig, "iceServers" | "turnUrls" | "turnSecret" | "turnLifetimeMs">;

/**
 * The ICE servers of a client: those of the configuration, and TURN with credentials that end by themselves, as coturn
 * checks them (draft-uberti-behave-turn-rest-00 §2.2): the user name is when they end and who has them, the password its
 * HMAC-SHA1 under the shared secret.
 */
export function createIceServers(config: TurnSettings, clock: Clock): (participantId: string) => readonly IceServer[] {
  const { iceServers, turnUrls, turnSecret, turnLifetimeMs } = config;
  if (turnSecret === undefined) return () => iceServers;
  return (participantId) => {
    const username = `${Math.floor((clock.nowMs() + turnLifetimeMs) / 1000)}:${participantId}`;
    const credential = createHmac("sha1", turnSecret).update(username).digest("base64");
    return [...iceServers, { urls: [...turnUrls], username, credential }];
  };
}
