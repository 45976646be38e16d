import { expect, it } from "vitest";
import { withStartBitrate } from "./start-bitrate.ts";

const SDP = [
  "v=0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=rtpmap:111 opus/48000/2",
  "a=fmtp:111 minptime=10",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102",
  "a=rtpmap:96 VP8/90000",
  "a=rtpmap:97 rtx/90000",
  "a=fmtp:97 apt=96",
  "a=rtpmap:102 H264/90000",
  "a=fmtp:102 packetization-mode=1",
  "",
].join("\r\n");

it("is added to each video codec, and to nothing else", () => {
  expect(withStartBitrate(SDP, 1_500_000).split("\r\n")).toEqual([
    "v=0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10",
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102",
    "a=rtpmap:96 VP8/90000",
    "a=fmtp:96 x-google-start-bitrate=1500",
    "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
    "a=rtpmap:102 H264/90000",
    "a=fmtp:102 packetization-mode=1;x-google-start-bitrate=1500",
    "",
  ]);
});

it("is left as it is where the server gave one, and where there is no video", () => {
  const once = withStartBitrate(SDP, 1_500_000);
  expect(withStartBitrate(once, 300_000)).toBe(once);
  expect(withStartBitrate("v=0\r\nm=audio 9 RTP/AVP 0\r\n", 1)).toBe("v=0\r\nm=audio 9 RTP/AVP 0\r\n");
  expect(withStartBitrate("", 1)).toBe("");
});
