import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { join } from "node:path";
import { buildNative } from "./native-build.ts";
import { seated } from "./pinning.ts";

export interface SourceOptions {
  firstLocalPort: number;
  targetPort: number;
  publishers: number;
  firstTransportIndex: number;
  firstSsrc: number;
  firstSequence: number;
  payloadType: number;
  packetBytes: number;
  /** Of each encoding, lowest first, as numbers between spaces. */
  packetsPerFrame: string;
  /** Of each publisher, all encodings together. */
  packetsPerSecond: number;
  durationMs: number;
}
export interface SourceResult {
  sent: number;
  failed: number;
  seconds: number;
}
export interface BareLoopOptions {
  localPort: number;
  firstSubscriberPort: number;
  subscribers: number;
  publisherIndex: number;
  firstSubscriberIndex: number;
  durationMs: number;
  batch: number;
  extensionBytes: number;
}
export interface BareLoopResult {
  received: number;
  sent: number;
  refused: number;
  cpuUs: number;
  /** Of it in the kernel. */
  systemUs: number;
  seconds: number;
  delayP50Us: number;
  delayP99Us: number;
  delayP999Us: number;
}
export interface SinkOptions {
  firstPort: number;
  subscribers: number;
  controlPort: number;
  serverPort: number;
  firstSubscriberIndex: number;
  feedback: 0 | 1;
  transportCcExtensionId: number;
  nackPermille: number;
  /** Of each subscriber's transport: "ufrag pwd ufrag pwd …"; empty without feedback. */
  credentials: string;
}
export interface SinkResult {
  packets: number;
  bytes: number;
  lost: number;
  reordered: number;
  rtx: number;
  feedbackSent: number;
  stunAnswers: number;
  cpuUs: number;
  seconds: number;
  packetsPerSecond: number;
}

interface NativeFunctions {
  source: [SourceOptions, SourceResult];
  bareLoop: [BareLoopOptions, BareLoopResult];
  sink: [SinkOptions, SinkResult];
}

/** Runs a native program of the bench in a process of its own; resolves with what it measured. */
export function runNative<Name extends keyof NativeFunctions>(
  name: Name,
  options: NativeFunctions[Name][0],
): Promise<NativeFunctions[Name][1]> {
  const addon = buildNative();
  return new Promise((resolve, reject) => {
    const script = join(import.meta.dirname, "native-child.ts");
    const [command, args] = seated(name === "bareLoop" ? "measured" : "driver", [
      script,
      addon,
      name,
      JSON.stringify(options),
    ]);
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(output));
      else reject(new Error(`${name} ended with code ${code}`));
    });
  });
}

/** Tells a running sink to stop and report. */
export function stopSink(controlPort: number): Promise<void> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => socket.send("stop", controlPort, "127.0.0.1", () => socket.close(() => resolve())));
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
