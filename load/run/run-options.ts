import { parseArgs } from "node:util";
import { PLACEMENTS } from "../../scripts/local-cluster.ts";
import type { Placement } from "../../scripts/local-cluster.ts";
import { readFault } from "./fault.ts";
import type { Fault } from "./fault.ts";

/** What a scenario is, and what it takes where nothing else is said. */
export interface ScenarioDefaults {
  readonly about: string;
  readonly viewers: number;
  readonly seconds: number;
  readonly joinsPerSecond: number;
  readonly bitrateKbps: number;
}

export const SCENARIOS: Readonly<Record<string, ScenarioDefaults>> = {
  lecture: { about: "one speaks, N watch", viewers: 100, seconds: 20, joinsPerSecond: 25, bitrateKbps: 300 },
  classroom: {
    about: "all have cameras (simulcast), hear all, see six",
    ...{ viewers: 30, seconds: 20, joinsPerSecond: 5, bitrateKbps: 600 },
  },
  breakouts: {
    about: "many rooms of four, all of whom speak",
    ...{ viewers: 40, seconds: 20, joinsPerSecond: 10, bitrateKbps: 200 },
  },
  storm: {
    about: "all come at once, vanish at once, come back at once",
    ...{ viewers: 100, seconds: 20, joinsPerSecond: 100, bitrateKbps: 300 },
  },
  "rolling-restart": {
    about: "a lecture while each sfu is restarted",
    ...{ viewers: 50, seconds: 80, joinsPerSecond: 25, bitrateKbps: 300 },
  },
  soak: {
    about: "a lecture for a long time, viewers coming and going",
    ...{ viewers: 100, seconds: 3_600, joinsPerSecond: 10, bitrateKbps: 300 },
  },
  signalling: {
    about: "WebSockets alone: joins, requests, resumption, leaving",
    ...{ viewers: 100, seconds: 20, joinsPerSecond: 50, bitrateKbps: 0 },
  },
  api: {
    about: "HTTP of signal and gRPC of islb",
    ...{ viewers: 0, seconds: 20, joinsPerSecond: 50, bitrateKbps: 0 },
  },
};

export const USAGE = `npm run load -- SCENARIO [options]

${Object.entries(SCENARIOS)
  .map(([name, { about }]) => `  ${name.padEnd(16)} ${about}`)
  .join("\n")}

  --viewers N          how many bots (of the scenario's audience)
  --joins-per-second N pace at which they come
  --seconds N          how long they stay once all are there
  --bitrate N          kb/s of a camera; with simulcast of all its encodings together
  --simulcast          the speaker of a lecture sends three encodings
  --nodes N            sfu nodes of the local cluster (default 2); --signals N, --islbs N (default 2)
  --placement NAME     of the local cluster: ${PLACEMENTS.join(", ")} (default spread)
  --fault WHAT:NODE@S  kill, stop, start or restart a process of the local cluster S seconds into the run; repeatable
  --target URL[,URL]   load these signal nodes instead of a local cluster; signal mints tokens in development mode,
                       otherwise CATION_LOAD_API_KEY="key:secret" does
  --islb HOST:PORT     of the target, for the scenario api
  --metrics NAME=URL   a node of the target whose /metrics is read for its CPU; repeatable
  --bot-processes N    processes of bots (default: one for 1,000 bots)
  --report FOLDER      where the report goes (default load/results/TIME-SCENARIO)
  --json               only the result on stdout, as one line of JSON (it is the last line anyhow)
`;

export interface RunOptions {
  readonly scenario: string;
  readonly viewers: number;
  readonly joinsPerSecond: number;
  readonly seconds: number;
  readonly bitrateKbps: number;
  readonly simulcast: boolean;
  readonly nodes: number;
  readonly signals: number;
  readonly islbs: number;
  readonly placement: Placement;
  readonly faults: readonly Fault[];
  /** Signal nodes; empty for a local cluster. */
  readonly targets: readonly string[];
  readonly targetIslb: string | undefined;
  readonly metrics: ReadonlyMap<string, string>;
  readonly botProcesses: number;
  readonly reportFolder: string | undefined;
  readonly json: boolean;
}

const BOTS_A_PROCESS = 1_000;

/** Reads the command line. Throws an error that says what is wrong, and how to say it. */
export function readRunOptions(argv: string[]): RunOptions {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      viewers: { type: "string" },
      "joins-per-second": { type: "string" },
      seconds: { type: "string" },
      bitrate: { type: "string" },
      simulcast: { type: "boolean", default: false },
      nodes: { type: "string", default: "2" },
      signals: { type: "string", default: "2" },
      islbs: { type: "string", default: "2" },
      placement: { type: "string", default: "spread" },
      fault: { type: "string", multiple: true, default: [] },
      target: { type: "string", default: "" },
      islb: { type: "string" },
      metrics: { type: "string", multiple: true, default: [] },
      "bot-processes": { type: "string" },
      report: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [scenario = ""] = positionals;
  const defaults = Object.hasOwn(SCENARIOS, scenario) ? SCENARIOS[scenario] : undefined;
  if (values.help || !defaults) {
    const problem = values.help ? "" : `${scenario === "" ? "No scenario" : `"${scenario}" is none`}.\n\n`;
    throw new Error(`${problem}${USAGE}`);
  }
  const viewers = readNumber("viewers", values.viewers, defaults.viewers);
  const nodes = readNumber("nodes", values.nodes, 2);
  const placement = PLACEMENTS.find((name) => name === values.placement);
  if (!placement) throw new Error(`--placement ${values.placement} is none of ${PLACEMENTS.join(", ")}.`);
  const targets = values.target === "" ? [] : values.target.split(",");
  const seconds = readNumber("seconds", values.seconds, defaults.seconds);
  const joinsPerSecond = readNumber("joins-per-second", values["joins-per-second"], defaults.joinsPerSecond);
  const given = values.fault.map(readFault);
  if (targets.length > 0 && given.length > 0) throw new Error("--fault needs the local cluster, not --target.");
  const rolls = scenario === "rolling-restart" && targets.length === 0 && given.length === 0;
  return {
    ...{ scenario, viewers, joinsPerSecond, seconds, nodes, placement, targets },
    bitrateKbps: readNumber("bitrate", values.bitrate, defaults.bitrateKbps),
    simulcast: values.simulcast,
    signals: readNumber("signals", values.signals, 2),
    islbs: readNumber("islbs", values.islbs, 2),
    faults: rolls ? rollingRestart(nodes, viewers / joinsPerSecond, seconds) : given,
    targetIslb: values.islb,
    metrics: new Map(values.metrics.map(readMetricsSource)),
    botProcesses: readNumber(
      "bot-processes",
      values["bot-processes"],
      Math.max(1, Math.ceil(viewers / BOTS_A_PROCESS)),
    ),
    reportFolder: values.report,
    json: values.json,
  };
}

/** Each sfu once, evenly over the time in which all viewers are there. */
function rollingRestart(nodes: number, joinSeconds: number, seconds: number): Fault[] {
  const fromSeconds = joinSeconds + 8;
  const eachSeconds = (seconds - 5) / nodes;
  return Array.from({ length: nodes }, (_, index) => ({
    what: "restart" as const,
    process: `sfu-${index + 1}`,
    atSeconds: Math.round(fromSeconds + index * eachSeconds),
  }));
}

function readNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const number = Number(text);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new Error(`--${name} ${text} is not a number from 0 up.`);
}

function readMetricsSource(text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals <= 0) throw new Error(`--metrics ${text} is not NAME=URL.`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
