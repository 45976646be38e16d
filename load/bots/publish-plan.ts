import { TrackSource } from "@cation/proto/common/v1/common";
import type { PublishedTrack } from "@cation/proto/client/v1/client";
import { VIDEO_HEIGHTS } from "./bot-media.ts";
import type { VideoEncoding } from "./bot-media.ts";
import type { BotShared } from "./bot-shared.ts";
import type { PublishOptions, VideoOptions } from "./publish-options.ts";
import { TrackSender } from "./track-sender.ts";

/** Shares of the bitrate, as libwebrtc gives them to 90, 180 and 360 lines. */
const SIMULCAST = [
  { rid: "q", size: "low", share: 0.1 },
  { rid: "h", size: "mid", share: 0.27 },
  { rid: "f", size: "high", share: 0.63 },
] as const;
const AUDIO_MID = "0";
const VIDEO_MID = "1";

/** Outgoing streams, and how they are announced. */
export interface PublishPlan {
  readonly senders: readonly TrackSender[];
  readonly tracks: readonly PublishedTrack[];
}

export function planPublishing({ audio, video }: PublishOptions, { media, random }: BotShared): PublishPlan {
  const phase = Math.floor(random() * 1_000);
  const senders: TrackSender[] = [];
  const tracks: PublishedTrack[] = [];
  if (audio) {
    senders.push(new TrackSender({ mid: AUDIO_MID, kind: "audio", rid: "" }, media.openAudio(phase), random));
    tracks.push({ mid: AUDIO_MID, source: TrackSource.MICROPHONE, name: "", muted: false, encodings: [], trackId: "" });
  }
  if (video !== false) {
    const encodings = encodingsOf(video === true ? { bitrateBps: 0, simulcast: false } : video);
    for (const { rid, encoding } of encodings) {
      senders.push(new TrackSender({ mid: VIDEO_MID, kind: "video", rid }, media.openVideo(phase, encoding), random));
    }
    tracks.push({
      mid: VIDEO_MID,
      source: TrackSource.CAMERA,
      name: "",
      muted: false,
      trackId: "",
      encodings: encodings.flatMap(({ rid, encoding }) => (rid === "" ? [] : [describe(rid, encoding)])),
    });
  }
  return { senders, tracks };
}

interface PlannedEncoding {
  readonly rid: string;
  readonly encoding: VideoEncoding;
}

function encodingsOf({ bitrateBps, simulcast }: VideoOptions): PlannedEncoding[] {
  if (!simulcast) return [{ rid: "", encoding: { size: "mid", bitrateBps } }];
  return SIMULCAST.map(({ rid, size, share }) => ({ rid, encoding: { size, bitrateBps: bitrateBps * share } }));
}

function describe(rid: string, { size, bitrateBps }: VideoEncoding) {
  const height = VIDEO_HEIGHTS[size];
  return {
    rid,
    width: (height * 16) / 9,
    height,
    maxBitrateBps: Math.round(bitrateBps),
    spatialLayers: 0,
    temporalLayers: 0,
  };
}
