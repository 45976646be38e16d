import type { IncomingPacket } from "./incoming-packet.ts";
import type { StreamLayers } from "./stream-layers.ts";

/**
 * Decides which packets of a stream with several layers a receiver gets (SVC, RFC 9628 and AV1 RTP): never a packet whose
 * references it did not get, never another number of layers in the middle of a picture. One a consumer stream, only where
 * its source has layers.
 */
export interface LayerFilter {
  /** Layers that the receiver gets now. */
  readonly spatialId: number;
  readonly temporalId: number;
  /** What is wanted cannot be had before the sender makes a keyframe. */
  readonly needsKeyframe: boolean;
  /** Of the packet that passed last: nothing more of its picture follows, so it carries the marker (RFC 9628 §4.1). */
  readonly endsPicture: boolean;
  /** Decode targets that the receiver has to be told (AV1 RTP §A.4); -1 where the sender's word holds. */
  readonly activeTargets: number;

  /** Another source: its first packet follows, and is the start of a keyframe. */
  restart(layers: StreamLayers): void;
  setWanted(spatialId: number, temporalId: number): void;
  /** Whether the packet is for the receiver. For each packet once, in the order of arrival. */
  passes(packet: IncomingPacket): boolean;
}
