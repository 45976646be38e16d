import { randomBytes } from "node:crypto";
import { Message, classes, methods } from "werift";

/** Connectivity checks for tests, written by werift's codec, so that ours is not tested against itself. */
export interface CheckOptions {
  readonly serverUfrag: string;
  readonly serverPwd: string;
  readonly clientUfrag?: string;
  readonly useCandidate?: boolean;
  readonly priority?: number;
  readonly role?: "controlling" | "controlled";
  readonly fingerprint?: boolean;
  readonly integrity?: boolean;
  /** With LIFETIME (0x000d), which a connectivity check must not have and we do not know. */
  readonly unknownAttribute?: boolean;
}

/** A binding request as a client sends it (RFC 8445 §7.2.2). */
export function writeCheck(options: CheckOptions): Buffer {
  const { clientUfrag = "client", priority = 1_845_501_695, role = "controlling" } = options;
  const message = new Message(methods.BINDING, classes.REQUEST, randomBytes(12));
  message.setAttribute("USERNAME", `${options.serverUfrag}:${clientUfrag}`);
  message.setAttribute("PRIORITY", priority);
  message.setAttribute(role === "controlling" ? "ICE-CONTROLLING" : "ICE-CONTROLLED", 1n);
  if (options.useCandidate === true) message.setAttribute("USE-CANDIDATE", null);
  if (options.unknownAttribute === true) message.setAttribute("LIFETIME", 5);
  if (options.integrity !== false) message.addMessageIntegrity(Buffer.from(options.serverPwd));
  if (options.fingerprint !== false) message.addFingerprint();
  return message.bytes;
}
