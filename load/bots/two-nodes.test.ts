import { Grants } from "@cation/proto/common/v1/common";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Bot } from "./bot.ts";
import { BotTestKit, decodes, moreFrames, until } from "./bot-test-kit.ts";

let kit: BotTestKit;
beforeEach(async () => {
  kit = await BotTestKit.start("a", "b");
});
afterEach(() => kit.close());

const trackOf = (bot: Bot, kind: "audio" | "video"): string =>
  bot.report().sent.find((track) => track.kind === kind)?.trackId ?? "";

describe("two sfu nodes", () => {
  it("carry audio and video both ways", async () => {
    const anna = await kit.join({ nodeId: "a" });
    const ben = await kit.join({ nodeId: "b" });
    await until("both decode both tracks", () => decodes(anna, 2, 30) && decodes(ben, 2, 30));
    for (const bot of [anna, ben]) {
      const { received, errors, ended } = bot.report();
      expect(errors).toEqual([]);
      expect(ended).toBeUndefined();
      expect(received.map(({ kind }) => kind).sort()).toEqual(["audio", "video"]);
      expect(received.every(({ interruptions, lostPackets }) => interruptions === 0 && lostPackets === 0)).toBe(true);
    }
  });

  it("carry simulcast: the watcher gets one encoding of three, and the time it took", async () => {
    const anna = await kit.join({
      nodeId: "a",
      publish: { audio: true, video: { bitrateBps: 900_000, simulcast: true } },
    });
    const ben = await kit.watch("b");
    await until("ben decodes", () => decodes(ben, 2, 40));
    const { sent } = anna.report();
    expect(sent.map(({ rid }) => rid)).toEqual(["", "q", "h", "f"]);
    expect(new Set(sent.map(({ trackId }) => trackId)).size).toBe(2);
    const intervals = ben.takeIntervals(performance.now());
    expect(intervals.map(({ kind }) => kind).sort()).toEqual(["audio", "video"]);
    for (const { kind, latenciesMs, height, lost } of intervals) {
      expect(latenciesMs.length).toBeGreaterThan(20);
      expect(latenciesMs.every((latency) => latency > 0 && latency < 5_000)).toBe(true);
      if (kind === "video") expect([90, 180, 360]).toContain(height);
      expect(lost).toBe(0);
    }
    const now = ben.clock.monotonicMs();
    const gaps = ben.gapsBetween(now - 1_000, now);
    expect(gaps.map(({ kind }) => kind).sort()).toEqual(["audio", "video"]);
    expect(gaps.every(({ frames, longestMs }) => frames > 5 && longestMs < 1_000)).toBe(true);
  });

  it("send a track over the link once, however many watch, and stop with the last", async () => {
    const anna = await kit.join({ nodeId: "a" });
    const watchers = await Promise.all(["b", "b", "b"].map((nodeId) => kit.watch(nodeId)));
    await until("all three decode", () => watchers.every((bot) => decodes(bot, 2, 10)));
    const sending = await kit.inspect("a");
    const receiving = await kit.inspect("b");
    expect(sending.relays.map(({ direction, peerNodeId }) => [direction, peerNodeId])).toEqual([
      ["out", "b"],
      ["out", "b"],
    ]);
    expect(receiving.relays.map(({ direction, peerNodeId }) => [direction, peerNodeId])).toEqual([
      ["in", "a"],
      ["in", "a"],
    ]);
    expect(receiving.producers.every(({ origin }) => origin === "relay")).toBe(true);
    expect(receiving.consumers).toHaveLength(6);
    expect(kit.cluster.linksOpened).toEqual(["a"]);

    const [first, ...others] = watchers;
    await Promise.all(others.map((bot) => bot.leave()));
    await until("the last one still decodes", moreFrames(first, trackOf(anna, "video"), 10));
    await first.leave();
    await until("nothing is relayed", async () => {
      const [a, b] = [await kit.inspect("a"), await kit.inspect("b")];
      return a.relays.length + b.relays.length + b.producers.length + b.consumers.length + a.consumers.length === 0;
    });
  });

  it("give a late joiner a picture by asking the publisher for one keyframe", async () => {
    const anna = await kit.join({ nodeId: "a" });
    const ben = await kit.watch("b");
    await until("ben decodes", () => decodes(ben, 2, 20));
    const before = anna.report().sent.find(({ kind }) => kind === "video")?.keyframeRequests ?? 0;
    const late = await Promise.all([kit.watch("b"), kit.watch("b"), kit.watch("a")]);
    await until("the late ones decode", () => late.every((bot) => decodes(bot, 2, 5)));
    const after = anna.report().sent.find(({ kind }) => kind === "video")?.keyframeRequests ?? 0;
    expect(after - before).toBeGreaterThan(0);
    expect(after - before).toBeLessThanOrEqual(3);
  });

  it("hold nothing of somebody who left", async () => {
    const anna = await kit.join({ nodeId: "a" });
    const ben = await kit.join({ nodeId: "b" });
    await until("both decode", () => decodes(anna, 2, 5) && decodes(ben, 2, 5));
    await anna.leave();
    await until("ben heard of it", () => ben.events.some(({ event }) => event?.$case === "participantLeft"));
    await until("nothing is left on a, nor of a on b", async () => {
      const [a, b] = [await kit.inspect("a"), await kit.inspect("b")];
      const onA = a.sessions + a.transports + a.producers.length + a.consumers.length + a.relays.length;
      return onA === 0 && b.relays.length === 0 && b.consumers.length === 0 && b.producers.length === 2;
    });
    expect(kit.cluster.islb.snapshot("room").participantCount).toBe(1);
  });

  it("do not mix rooms", async () => {
    const anna = await kit.join({ nodeId: "a", roomId: "one" });
    const ben = await kit.join({ nodeId: "b", roomId: "two" });
    const carl = await kit.join({ nodeId: "a", roomId: "two" });
    await until("ben and carl decode", () => decodes(ben, 2, 10) && decodes(carl, 2, 10));
    expect(anna.report().received).toEqual([]);
    const own = anna.joined?.participant?.participantId;
    const aboutOthers = anna.events.filter(({ event }) => {
      if (event?.$case === "activeSpeakers") return event.value.participantIds.some((id) => id !== own);
      if (event?.$case === "connectionQualities") {
        return event.value.participants.some(({ participantId }) => participantId !== own);
      }
      return event?.$case !== "transportState";
    });
    expect(aboutOthers).toEqual([]);
  });

  it("announce what is published after the join, and find it when the event was lost", async () => {
    const ben = await kit.watch("b");
    await kit.join({ nodeId: "a" });
    await until("ben decodes anna", () => decodes(ben, 2, 5));
    const kinds = ben.events.map(({ event }) => event?.$case);
    expect(kinds).toContain("participantJoined");
    expect(kinds.filter((kind) => kind === "trackPublished")).toHaveLength(2);

    kit.cluster.islb.muteEvents = true;
    await kit.join({ nodeId: "a" });
    await until("ben decodes the second too", () => decodes(ben, 4, 5));
    kit.cluster.islb.muteEvents = false;
  });

  it("open a lost link again; the viewer's streams go on under the same ssrc", async () => {
    const anna = await kit.join({ nodeId: "a" });
    const ben = await kit.watch("b");
    await until("ben decodes", () => decodes(ben, 2, 10));
    const offers = ben.events.filter(({ event }) => event?.$case === "subscriberOffer").length;
    kit.cluster.cutLinks();
    await until("ben decodes again", moreFrames(ben, trackOf(anna, "video"), 20));
    await until("ben hears again", moreFrames(ben, trackOf(anna, "audio"), 50));
    expect(kit.cluster.linksOpened).toEqual(["a", "a"]);
    expect(ben.events.filter(({ event }) => event?.$case === "subscriberOffer")).toHaveLength(offers);
    const held = await kit.inspect("b");
    expect(held.producers).toHaveLength(2);
    expect(held.consumers).toHaveLength(2);
  });

  it("keep media flowing while islb is away", async () => {
    const anna = await kit.join({ nodeId: "a" });
    const ben = await kit.watch("b");
    await until("ben decodes", () => decodes(ben, 2, 10));
    kit.cluster.islb.away = true;
    await until("ben still decodes", moreFrames(ben, trackOf(anna, "video"), 30));
    expect(ben.report().received.every(({ interruptions }) => interruptions === 0)).toBe(true);
    const refused = await anna.link
      .request({ $case: "getRoster", value: { after: "", limit: 0 } })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "ISLB_UNAVAILABLE", retryable: true });
    kit.cluster.islb.away = false;
    await until("joins work again", async () => (await kit.watch("b")).joined !== undefined);
  });

  it("drop at the server what somebody else muted, until it is unmuted", async () => {
    const anna = await kit.join({ nodeId: "a" });
    const ben = await kit.join({ nodeId: "b", publish: { audio: false, video: false } });
    await until("ben decodes", () => decodes(ben, 2, 10));
    const trackId = trackOf(anna, "video");
    const packets = (): number => ben.report().received.find((track) => track.trackId === trackId)?.packets ?? 0;
    await ben.link.request({ $case: "setMuted", value: { trackId, muted: true } });
    await until("anna heard of it", () => anna.events.some(({ event }) => event?.$case === "trackMuted"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const muted = packets();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(packets()).toBe(muted);
    await anna.link.request({ $case: "setMuted", value: { trackId, muted: false } });
    await until("ben decodes again", moreFrames(ben, trackId, 10));
  });

  it("refuse what the grants do not cover", async () => {
    const grants = Grants.fromPartial({ publish: [], subscribe: false, administer: false });
    const anna = await kit.join({ nodeId: "a" });
    const guest = await kit.join({ nodeId: "b", grants, publish: { audio: false, video: false } });
    const ask = (request: Parameters<typeof guest.link.request>[0]) =>
      guest.link.request(request).then(
        () => "done",
        (error: { code: string }) => error.code,
      );
    const trackId = trackOf(anna, "audio");
    await until("the guest knows the track", () => guest.events.length > 0 || (guest.joined?.tracks.length ?? 0) > 0);
    expect(await ask({ $case: "setMuted", value: { trackId, muted: true } })).toBe("PERMISSION_DENIED");
    expect(await ask({ $case: "removeParticipant", value: { participantId: "P1" } })).toBe("PERMISSION_DENIED");
    const wish = { trackId, subscribed: true, paused: false };
    expect(await ask({ $case: "setSubscription", value: wish })).toBe("PERMISSION_DENIED");
    await expect(kit.join({ nodeId: "b", grants })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect(guest.report().received).toEqual([]);
    expect((await kit.inspect("b")).transports).toBe(0);
  });
});

describe("a client that lost its signalling", () => {
  it("takes its session up again; media never stopped", async () => {
    const anna = await kit.join({ nodeId: "a" });
    const ben = await kit.watch("b");
    await until("ben decodes", () => decodes(ben, 2, 10));
    const lastEventSequence = ben.events.at(-1)?.sequence ?? 0;
    ben.link.close();
    const carl = await kit.join({ nodeId: "a" });
    await until("ben still decodes anna", moreFrames(ben, trackOf(anna, "video"), 20));

    const joined = await kit.resume(ben, "b", lastEventSequence);
    expect(joined.eventsReplayed).toBe(true);
    await until("ben decodes carl too", () => decodes(ben, 4, 10));
    const sequences = ben.events.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    expect(ben.report().received.every(({ interruptions }) => interruptions === 0)).toBe(true);
    expect(ben.events.map(({ event }) => event?.$case)).toContain("participantJoined");
    expect(carl.report().errors).toEqual([]);
  });
});
