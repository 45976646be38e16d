import type { DestinationStream } from "pino";

const LEVEL_COLORS: Readonly<Record<string, number>> = {
  trace: 90,
  debug: 90,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 35,
};

/** Turns pino's JSON lines into one readable line each: time, level, service, sentence, key=value. */
export function createPrettyStream(destination: DestinationStream, colors: boolean): DestinationStream {
  return { write: (line) => destination.write(formatLine(line, colors)) };
}

function formatLine(line: string, colors: boolean): string {
  const entry = parse(line);
  if (!entry) return line;
  const { time, level, service, msg, err, ...fields } = entry;
  const paint = (code: number, text: string): string => (colors ? `\u001b[${code}m${text}\u001b[39m` : text);
  const levelName = String(level);
  const head = [
    paint(90, String(time).slice(11, 23)),
    paint(LEVEL_COLORS[levelName] ?? 39, levelName.toUpperCase().padEnd(5)),
    String(service).padEnd(8),
    String(msg ?? ""),
  ].join(" ");
  const tail = Object.entries(fields).map(([key, value]) => `${paint(36, key)}=${formatValue(value)}`);
  const isExpected = levelName === "debug" || levelName === "info" || levelName === "warn";
  return `${[head, ...tail].join(" ")}${isExpected ? formatShortError(err) : formatError(err)}\n`;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function formatValue(value: unknown): string {
  return typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** What was expected to go wrong at times needs no stack: the messages of the error and its causes, in the same line. */
function formatShortError(err: unknown): string {
  if (typeof err !== "object" || err === null) return "";
  const { message, cause } = err as { message?: unknown; cause?: unknown };
  const text = `: ${String(message)}`;
  return cause === undefined ? text : `${text}${formatShortError(cause) || `: ${formatValue(cause)}`}`;
}

/** An error is the one thing that takes more than a line: its stack helps only unfolded. */
function formatError(err: unknown): string {
  if (typeof err !== "object" || err === null) return "";
  const { stack, message, cause } = err as { stack?: unknown; message?: unknown; cause?: unknown };
  const text = `\n  ${String(stack ?? message).replaceAll("\n", "\n  ")}`;
  return cause === undefined ? text : `${text}\n  caused by:${formatError(cause) || ` ${formatValue(cause)}`}`;
}
