import { expect, test, vi } from "vitest";
import { SupervisedProcess } from "./supervised-process.ts";

function supervise(code: string, isReady?: () => Promise<boolean>) {
  const lines: string[] = [];
  const onDied = vi.fn<(name: string, how: string) => void>();
  const child = new SupervisedProcess({
    name: "child",
    command: process.execPath,
    args: ["-e", code],
    env: { GREETING: "hello" },
    isReady: isReady ?? (() => Promise.resolve(lines.length > 0)),
    onLine: (name, line) => lines.push(`${name} ${line}`),
    onDied,
  });
  return { child, lines, onDied };
}

test("starts, passes lines on, stops when asked, starts again, dies when killed", async () => {
  const { child, lines, onDied } = supervise("console.log(process.env.GREETING); setInterval(() => {}, 1000)");
  await child.start();
  expect(lines).toEqual(["child hello"]);
  const firstPid = child.pid;
  await child.stop();
  expect([child.isRunning, child.pid]).toEqual([false, undefined]);
  await child.start();
  expect(child.pid).not.toBe(firstPid);
  child.signal("SIGSTOP");
  await child.kill();
  await child.stop();
  expect(child.isRunning).toBe(false);
  expect(onDied).not.toHaveBeenCalled();
});

test("tells of an end that nobody asked for", async () => {
  const { child, onDied } = supervise("console.log(1); setTimeout(() => process.exit(3), 100)");
  await child.start();
  await vi.waitFor(() => expect(onDied).toHaveBeenCalledExactlyOnceWith("child", "exit code 3"));
});

test("says why it did not come up", async () => {
  const { child } = supervise("console.error('no port left'); process.exit(1)", () => Promise.resolve(false));
  await expect(child.start()).rejects.toThrow(/child ended at once. Its last lines:\nno port left/);
});
