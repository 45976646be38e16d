import { existsSync } from "node:fs";
import { cpus } from "node:os";

/** Which processor a process of the bench runs on: what is measured has one for itself, what drives it the other. */
export type Seat = "measured" | "driver";

const TASKSET = "/usr/bin/taskset";
const NICE = "/usr/bin/nice";

/**
 * Command and arguments that run Node with `args` on the seat's processor, in front of whatever else the machine does;
 * unpinned and with usual priority where that is not possible. The same for both contenders.
 */
export function seated(seat: Seat, args: readonly string[]): [command: string, args: string[]] {
  const command = [process.execPath, ...args];
  if (process.getuid?.() === 0 && existsSync(NICE)) command.unshift(NICE, "-n", "-19");
  if (cpus().length >= 2 && existsSync(TASKSET)) command.unshift(TASKSET, "-c", seat === "measured" ? "0" : "1");
  const [first, ...rest] = command as [string, ...string[]];
  return [first, rest];
}
