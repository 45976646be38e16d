import type { Encoding } from "@cation/proto/state/v1/state";
import type { TrackSource } from "./track-source.ts";

/** Size of the captured picture; 0 where the browser does not say. */
export interface VideoSize {
  readonly width: number;
  readonly height: number;
}

/** As the browser takes it; `scalabilityMode` (W3C WebRTC-SVC) is not in all of TypeScript's libraries. */
export type VideoEncoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

/** Restriction ids of the simulcast encodings (RFC 8851), lowest first: quarter, half and full where there are three. */
const RIDS = ["q", "h", "f"] as const;
/** Below this a picture is not worth a smaller copy. */
const MIN_SIMULCAST_SHORT_SIDE = 270;
/** From this on it has two. */
const MIN_THREE_LAYER_SHORT_SIDE = 540;

/** Bits a second for a picture of that size at up to 30 frames a second, by VP8; a little more than browsers choose. */
const CAMERA_BITRATES: readonly { readonly pixels: number; readonly bitrateBps: number }[] = [
  { pixels: 320 * 180, bitrateBps: 160_000 },
  { pixels: 480 * 270, bitrateBps: 300_000 },
  { pixels: 640 * 360, bitrateBps: 500_000 },
  { pixels: 960 * 540, bitrateBps: 1_000_000 },
  { pixels: 1280 * 720, bitrateBps: 1_700_000 },
  { pixels: 1920 * 1080, bitrateBps: 3_000_000 },
];
const SCREEN_BITRATE_BPS = 2_500_000;
const SCREEN_MAX_FRAMERATE = 15;

/**
 * What to send of a video track. VP9 and AV1 have their layers inside one encoding (SVC), which costs less than several;
 * other codecs send several (simulcast). One encoding without a rid where there is no simulcast.
 */
export function videoEncodings(
  source: TrackSource,
  size: VideoSize,
  simulcast: boolean,
  mimeType = "",
): VideoEncoding[] {
  if (source !== "camera") return [{ maxBitrate: SCREEN_BITRATE_BPS, maxFramerate: SCREEN_MAX_FRAMERATE }];
  const layers = simulcast ? layerCount(size) : 1;
  if (layers === 1) return [{ maxBitrate: cameraBitrateBps(size) }];
  const scalabilityMode = scalabilityModeOf(mimeType, layers);
  if (scalabilityMode !== undefined) return [{ maxBitrate: cameraBitrateBps(size), scalabilityMode }];
  return RIDS.slice(0, layers).map((rid, index) => {
    const scaleResolutionDownBy = 2 ** (layers - 1 - index);
    const scaled = { width: size.width / scaleResolutionDownBy, height: size.height / scaleResolutionDownBy };
    return { rid, active: true, scaleResolutionDownBy, maxBitrate: cameraBitrateBps(scaled) };
  });
}

/** The same encodings as the server is told of them; empty with neither simulcast nor SVC. */
export function describeEncodings(encodings: readonly VideoEncoding[], size: VideoSize): Encoding[] {
  return encodings
    .filter((encoding) => encoding.rid !== undefined || encoding.scalabilityMode !== undefined)
    .map((encoding) => ({
      rid: encoding.rid ?? "",
      width: Math.floor(size.width / (encoding.scaleResolutionDownBy ?? 1)),
      height: Math.floor(size.height / (encoding.scaleResolutionDownBy ?? 1)),
      maxBitrateBps: encoding.maxBitrate ?? 0,
      ...layersOf(encoding.scalabilityMode),
    }));
}

/** Layers of a scalability mode such as L3T3_KEY; 0 where there is none. */
function layersOf(scalabilityMode: string | undefined): { spatialLayers: number; temporalLayers: number } {
  const [, spatial, temporal] = /^[LS](\d)T(\d)/.exec(scalabilityMode ?? "") ?? [];
  return { spatialLayers: Number(spatial ?? 0), temporalLayers: Number(temporal ?? 0) };
}

/** Spatial layers refer to each other in keyframes only, so that a receiver of the upper ones needs no lower ones between. */
function scalabilityModeOf(mimeType: string, layers: number): string | undefined {
  switch (mimeType.toLowerCase()) {
    case "video/vp9":
      return `L${layers}T3_KEY`;
    case "video/av1":
      return "L2T2_KEY";
    default:
      return undefined;
  }
}

/** How many encodings a browser sends of a picture of that size (libwebrtc leaves the higher ones out by itself). */
function layerCount(size: VideoSize): 1 | 2 | 3 {
  const shortSide = Math.min(size.width, size.height);
  if (shortSide >= MIN_THREE_LAYER_SHORT_SIDE) return 3;
  return shortSide >= MIN_SIMULCAST_SHORT_SIDE ? 2 : 1;
}

function cameraBitrateBps(size: VideoSize): number {
  const pixels = size.width * size.height;
  const fitting = CAMERA_BITRATES.find((step) => pixels <= step.pixels * 1.1);
  return (fitting ?? CAMERA_BITRATES.at(-1)!).bitrateBps;
}
