import { Track } from "@cation/proto/state/v1/state";
import { describe, expect, it } from "vitest";
import { Subscriptions } from "./subscriptions.ts";

const track = (trackId: string, participantId = "other") => Track.fromPartial({ trackId, participantId });
const wish = (trackId: string, subscribed: boolean, paused = false) => ({ trackId, subscribed, paused });

describe("Subscriptions", () => {
  it("want everything or nothing by default, and what was wished in any case", () => {
    const all = new Subscriptions({ participantId: "me", autoSubscribe: true, allowed: true });
    const none = new Subscriptions({ participantId: "me", autoSubscribe: false, allowed: true });
    expect(all.settingsFor(track("t"))).toMatchObject({ paused: false, maxSpatialId: undefined });
    expect(none.settingsFor(track("t"))).toBeUndefined();
    all.set(wish("t", false));
    none.set(wish("t", true, true));
    expect(all.settingsFor(track("t"))).toBeUndefined();
    expect(none.settingsFor(track("t"))).toMatchObject({ paused: true });
    expect(all.settingsFor(track("u"))).toBeDefined();
  });

  it("never send somebody's own tracks back, nor anything to who may not receive", () => {
    const mine = new Subscriptions({ participantId: "me", autoSubscribe: true, allowed: true });
    mine.set(wish("t", true));
    expect(mine.settingsFor(track("t", "me"))).toBeUndefined();
    const forbidden = new Subscriptions({ participantId: "me", autoSubscribe: true, allowed: false });
    forbidden.set(wish("t", true));
    expect(forbidden.settingsFor(track("t"))).toBeUndefined();
  });

  it("forget the wishes for tracks that are gone", () => {
    const all = new Subscriptions({ participantId: "me", autoSubscribe: true, allowed: true });
    for (const trackId of ["a", "b", "c"]) all.set(wish(trackId, false));
    all.forget("a");
    all.retain((trackId) => trackId === "b");
    expect(["a", "b", "c"].map((trackId) => all.settingsFor(track(trackId)) !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
  });
});
