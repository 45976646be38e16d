import { existsSync } from "node:fs";
import { cpus } from "node:os";

/** Which processor a process of the bench runs on: what is measured has one for itself, what drives it the other. */
export type Seat = "measured" | "driver";

const TASKSET = "/usr/bin/taskset";

/** Command and arguments that run Node with `args` on the seat's processor; unpinned where that is not possible. */
export function seated(seat: Seat, args: readonly string[]): [command: string, args: string[]] {
  if (cpus().length < 2 || !existsSync(TASKSET)) return [process.execPath, [...args]];
  return [TASKSET, ["-c", seat === "measured" ? "0" : "1", process.execPath, ...args]];
}
