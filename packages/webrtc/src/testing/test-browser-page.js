/** What tests do inside the browser: one publisher and one subscriber connection, on the page's global `kit`. */

const connections = [];
let publisher;
let subscriber;

function open() {
  const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  connections.push(connection);
  return connection;
}

/** Lowest resolution first. */
function encodingsOf(rids) {
  return rids.map((rid, index) => ({ rid, scaleResolutionDownBy: 2 ** (rids.length - 1 - index) }));
}

function show({ track }) {
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = new MediaStream([track]);
  document.body.append(video);
  void video.play();
}

globalThis.kit = {
  /** Offers the fake camera, simulcast by these rids, and the fake microphone. */
  async publish(rids) {
    publisher = open();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks()) {
      const simulcast = track.kind === "video" && rids.length > 0;
      publisher.addTransceiver(track, {
        direction: "sendonly",
        streams: [stream],
        ...(simulcast ? { sendEncodings: encodingsOf(rids) } : {}),
      });
    }
    await publisher.setLocalDescription();
    return publisher.localDescription.sdp;
  },

  /** An offer with audio and video in both directions and a data channel, as most applications make it. */
  async offerAll() {
    const connection = open();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks()) connection.addTrack(track, stream);
    connection.createDataChannel("data");
    await connection.setLocalDescription();
    return connection.localDescription.sdp;
  },

  async restartIce() {
    await publisher.setLocalDescription(await publisher.createOffer({ iceRestart: true }));
    return publisher.localDescription.sdp;
  },

  async takeAnswer(sdp) {
    await publisher.setRemoteDescription({ type: "answer", sdp });
  },

  async answer(sdp) {
    if (subscriber === undefined) {
      subscriber = open();
      subscriber.ontrack = show;
    }
    await subscriber.setRemoteDescription({ type: "offer", sdp });
    await subscriber.setLocalDescription();
    return subscriber.localDescription.sdp;
  },

  async framesDecoded() {
    let frames = 0;
    for (const report of (await subscriber.getStats()).values()) {
      if (report.type === "inbound-rtp") frames += report.framesDecoded ?? 0;
    }
    return frames;
  },

  close() {
    for (const connection of connections.splice(0)) connection.close();
    publisher = undefined;
    subscriber = undefined;
  },
};
