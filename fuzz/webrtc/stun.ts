import { StunMessageView } from "@cation/webrtc/stun-message";
import { writeCheck } from "@cation/webrtc/testing/connectivity-check";
import { Digest } from "../digest.ts";
import { REFUSED } from "../fuzz-target.ts";
import type { FuzzTarget } from "../fuzz-target.ts";

const PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt";

/** Connectivity checks. */
export function stun(): FuzzTarget {
  const view = new StunMessageView();
  const digest = new Digest();
  const check = { serverUfrag: "evtj", serverPwd: PASSWORD };
  return {
    name: "stun",
    seeds: [
      writeCheck({ ...check, useCandidate: true }),
      writeCheck({ ...check, role: "controlled" }),
      writeCheck({ ...check, unknownAttribute: true }),
      writeCheck({ ...check, integrity: false, fingerprint: false }),
    ],
    read(bytes, offset, length) {
      if (!view.read(bytes.subarray(offset, offset + length))) return REFUSED;
      digest.start(0, length);
      digest.number(view.type);
      digest.number(view.priority);
      digest.number(view.unknownAttribute);
      digest.flag(view.useCandidate);
      digest.flag(view.iceControlled);
      digest.range(view.bytes, view.usernameOffset, view.usernameBytes);
      digest.number(view.localUfrag().length);
      digest.number(view.remoteUfrag().length);
      digest.flag(view.hasValidFingerprint());
      digest.flag(view.hasValidIntegrity(PASSWORD));
      return digest.value;
    },
  };
}
