/**
 * The Grafana dashboards of the chart. `node scripts/chart/dashboards.ts` writes them to
 * deploy/helm/cation/dashboards; a test holds the files to this.
 */
import { rmSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMain } from "../is-main.ts";

export const DASHBOARDS_FOLDER = join(import.meta.dirname, "../../deploy/helm/cation/dashboards");

/** A query and what its series are called. */
type Query = readonly [expression: string, legend: string];

interface Panel {
  readonly title: string;
  /** What to make of it; shown at the panel's corner. */
  readonly text?: string;
  /** Grafana's name of the unit. */
  readonly unit: string;
  readonly stat?: boolean;
  readonly queries: readonly Query[];
}

interface Dashboard {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const NAMESPACE = `namespace=~"$namespace"`;
const WINDOW = "$__rate_interval";
const COLUMNS = 3;
const WIDTH = 24 / COLUMNS;
const HEIGHT = 8;

/** Series of a metric. */
function of(metric: string, ...matchers: string[]): string {
  return `${metric}{${[NAMESPACE, ...matchers].join(", ")}}`;
}

function rate(metric: string, ...matchers: string[]): string {
  return `rate(${of(metric, ...matchers)}[${WINDOW}])`;
}

function quantile(q: number, metric: string, by = "", ...matchers: string[]): string {
  const labels = by === "" ? "le" : `le, ${by}`;
  return `histogram_quantile(${q}, sum by (${labels}) (${rate(`${metric}_bucket`, ...matchers)}))`;
}

function quantiles(metric: string, ...matchers: string[]): readonly Query[] {
  return [
    [quantile(0.5, metric, "", ...matchers), "p50"],
    [quantile(0.95, metric, "", ...matchers), "p95"],
    [quantile(0.99, metric, "", ...matchers), "p99"],
  ];
}

/** Of the process behind an sfu. */
function ofSfuProcess(expression: string): string {
  return `${expression} and on (pod) ${of("cation_sfu_stress")}`;
}

const JOINS = `kind="join"`;

const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  overview: {
    title: "Cluster overview",
    panels: [
      {
        title: "Participants",
        unit: "short",
        stat: true,
        queries: [[`sum(${of("cation_sfu_sessions")})`, "participants"]],
      },
      { title: "Rooms on nodes", unit: "short", stat: true, queries: [[`sum(${of("cation_sfu_rooms")})`, "rooms"]] },
      {
        title: "Nodes",
        unit: "short",
        stat: true,
        queries: [[`max by (state) (${of("cation_islb_nodes")})`, "{{state}}"]],
      },
      {
        title: "Stress",
        text: "Worst of CPU, packets and egress against the node's limits. Joins avoid nodes above 0.9.",
        unit: "percentunit",
        queries: [[of("cation_sfu_stress"), "{{pod}}"]],
      },
      { title: "Sent", unit: "bps", queries: [[`sum by (pod) (${of("cation_sfu_egress_bps")})`, "{{pod}}"]] },
      { title: "Participants by node", unit: "short", queries: [[of("cation_sfu_sessions"), "{{pod}}"]] },
      {
        title: "Joins a second",
        unit: "ops",
        queries: [[`sum by (code) (${rate("cation_signal_requests_total", JOINS)})`, "{{code}}"]],
      },
      { title: "Join time", unit: "s", queries: quantiles("cation_signal_join_duration_seconds") },
      { title: "Time to first frame", unit: "s", queries: quantiles("cation_sfu_first_frame_duration_seconds") },
      {
        title: "Loss towards clients",
        text: "Packets lost of those sent, by the receivers' reports.",
        unit: "percentunit",
        queries: [
          [
            `sum by (pod) (${rate("cation_sfu_lost_packets_total", `direction="sent"`)}) / sum by (pod) (${rate("cation_sfu_media_packets_total", `direction="sent"`)})`,
            "{{pod}}",
          ],
        ],
      },
      {
        title: "Draining",
        text: "1 while a node takes no new work.",
        unit: "short",
        queries: [[of("cation_sfu_drain_mode"), "{{pod}}"]],
      },
      {
        title: "Redis and NATS reached",
        text: "Running media does not need them; joins do.",
        unit: "short",
        queries: [
          [of("cation_islb_store_reachable"), "{{pod}} redis"],
          [of("cation_islb_events_connected"), "{{pod}} nats"],
          [of("cation_sfu_events_connected"), "{{pod}} nats"],
        ],
      },
    ],
  },
  sfu: {
    title: "sfu",
    panels: [
      { title: "Stress", unit: "percentunit", queries: [[of("cation_sfu_stress"), "{{pod}}"]] },
      {
        title: "CPU (cores)",
        unit: "short",
        queries: [[ofSfuProcess(rate("process_cpu_seconds_total")), "{{pod}}"]],
      },
      { title: "Memory", unit: "bytes", queries: [[ofSfuProcess(of("process_resident_memory_bytes")), "{{pod}}"]] },
      { title: "Packets received", unit: "pps", queries: [[rate("cation_sfu_received_packets_total"), "{{pod}}"]] },
      { title: "Packets sent", unit: "pps", queries: [[rate("cation_sfu_sent_packets_total"), "{{pod}}"]] },
      { title: "Bits sent", unit: "bps", queries: [[`${rate("cation_sfu_sent_bytes_total")} * 8`, "{{pod}}"]] },
      { title: "Packets forwarded", unit: "pps", queries: [[rate("cation_sfu_forwarded_packets_total"), "{{pod}}"]] },
      {
        title: "Forwarding delay",
        text: "From the kernel's arrival stamp until all copies are handed on.",
        unit: "s",
        queries: quantiles("cation_sfu_forward_delay_seconds"),
      },
      {
        title: "Dropped, by reason",
        text: "Named in docs: drop-reason.ts (engine), media-io.ts (receive, send), webrtc-counters.ts (webrtc).",
        unit: "pps",
        queries: [[`sum by (stage, reason) (${rate("cation_sfu_drops_total")}) > 0`, "{{stage}} {{reason}}"]],
      },
      {
        title: "Transports and tracks",
        unit: "short",
        queries: [
          [`sum by (pod) (${of("cation_sfu_transports")})`, "{{pod}} transports"],
          [`sum by (pod) (${of("cation_sfu_consumers")})`, "{{pod}} consumers"],
          [`sum by (pod) (${of("cation_sfu_producers")})`, "{{pod}} producers"],
        ],
      },
      {
        title: "DTLS and ICE",
        unit: "ops",
        queries: [
          [rate("cation_sfu_dtls_handshakes_total"), "{{pod}} handshakes"],
          [rate("cation_sfu_dtls_failures_total"), "{{pod}} DTLS failed"],
          [rate("cation_sfu_ice_failures_total"), "{{pod}} {{reason}}"],
        ],
      },
      { title: "Connection time", unit: "s", queries: quantiles("cation_sfu_connect_duration_seconds") },
      {
        title: "Event loop delay p99",
        unit: "s",
        queries: [[ofSfuProcess(of("nodejs_eventloop_lag_p99_seconds")), "{{pod}}"]],
      },
      {
        title: "Workers: packets a second",
        unit: "pps",
        queries: [[of("cation_sfu_worker_packets_per_second"), "{{pod}} {{worker}}"]],
      },
      {
        title: "Workers: restarts",
        unit: "short",
        queries: [[of("cation_sfu_worker_restarts_total"), "{{pod}} {{worker}}"]],
      },
    ],
  },
  "room-quality": {
    title: "Room quality",
    panels: [
      {
        title: "Tracks published",
        unit: "short",
        queries: [[`sum by (kind) (${of("cation_sfu_tracks_published")})`, "{{kind}}"]],
      },
      {
        title: "Tracks subscribed",
        unit: "short",
        queries: [[`sum by (kind) (${of("cation_sfu_tracks_subscribed")})`, "{{kind}}"]],
      },
      { title: "Time to first frame", unit: "s", queries: quantiles("cation_sfu_first_frame_duration_seconds") },
      {
        title: "Packets lost",
        text: "received: from publishers and relays. sent: towards clients and relays.",
        unit: "pps",
        queries: [[`sum by (direction) (${rate("cation_sfu_lost_packets_total")})`, "{{direction}}"]],
      },
      {
        title: "Streams that lose more than 2 %",
        text: "Share of the reports that say so.",
        unit: "percentunit",
        queries: [
          [
            `1 - sum by (direction) (${rate("cation_sfu_loss_ratio_bucket", `le="0.02"`)}) / sum by (direction) (${rate("cation_sfu_loss_ratio_count")})`,
            "{{direction}}",
          ],
        ],
      },
      {
        title: "Jitter p95",
        unit: "s",
        queries: [[quantile(0.95, "cation_sfu_jitter_seconds", "direction"), "{{direction}}"]],
      },
      { title: "Round trip to receivers", unit: "s", queries: quantiles("cation_sfu_round_trip_seconds") },
      {
        title: "Packets asked for again",
        unit: "pps",
        queries: [
          [`sum by (direction) (${rate("cation_sfu_rtcp_total", `type="nack-numbers"`)})`, "{{direction}}"],
          [`sum(${rate("cation_sfu_resent_packets_total")})`, "sent again"],
        ],
      },
      {
        title: "Keyframe requests",
        text: "received: by clients. sent: to publishers, merged.",
        unit: "ops",
        queries: [
          [`sum by (type, direction) (${rate("cation_sfu_rtcp_total", `type=~"pli|fir"`)})`, "{{type}} {{direction}}"],
        ],
      },
      {
        title: "Reports",
        unit: "ops",
        queries: [
          [
            `sum by (type, direction) (${rate("cation_sfu_rtcp_total", `type=~".*-report"`)})`,
            "{{type}} {{direction}}",
          ],
        ],
      },
      { title: "Transports that moved", unit: "ops", queries: [[rate("cation_sfu_ice_moves_total"), "{{pod}}"]] },
    ],
  },
  relay: {
    title: "Relay",
    panels: [
      {
        title: "Tracks over relays",
        unit: "short",
        queries: [[`sum by (pod, direction) (${of("cation_sfu_relayed_tracks")})`, "{{pod}} {{direction}}"]],
      },
      {
        title: "Relay packets",
        unit: "pps",
        queries: [
          [
            `sum by (pod, direction) (${rate("cation_sfu_media_packets_total", `peer="relay"`)})`,
            "{{pod}} {{direction}}",
          ],
        ],
      },
      {
        title: "Relay bits",
        unit: "bps",
        queries: [
          [
            `sum by (pod, direction) (${rate("cation_sfu_media_bytes_total", `peer="relay"`)}) * 8`,
            "{{pod}} {{direction}}",
          ],
        ],
      },
      {
        title: "Relay packets dropped",
        unit: "short",
        queries: [[`sum by (pod, reason) (${of("cation_sfu_relay_drops")})`, "{{pod}} {{reason}}"]],
      },
      {
        title: "Copies for one that comes in",
        text: "Packets sent to clients and relays, for each received: the fan-out.",
        unit: "short",
        queries: [
          [
            `sum by (pod) (${rate("cation_sfu_media_packets_total", `direction="sent"`)}) / sum by (pod) (${rate("cation_sfu_media_packets_total", `direction="received"`)})`,
            "{{pod}}",
          ],
        ],
      },
      {
        title: "Share that comes by relay",
        unit: "percentunit",
        queries: [
          [
            `sum by (pod) (${rate("cation_sfu_media_packets_total", `direction="received"`, `peer="relay"`)}) / sum by (pod) (${rate("cation_sfu_media_packets_total", `direction="received"`)})`,
            "{{pod}}",
          ],
        ],
      },
    ],
  },
  "control-plane": {
    title: "Control plane",
    panels: [
      { title: "WebSockets", unit: "short", queries: [[of("cation_signal_connections"), "{{pod}}"]] },
      {
        title: "Requests, by kind",
        unit: "ops",
        queries: [[`sum by (kind) (${rate("cation_signal_requests_total")})`, "{{kind}}"]],
      },
      {
        title: "Errors, by code",
        text: "docs/errors.md says what each means.",
        unit: "ops",
        queries: [[`sum by (code) (${rate("cation_signal_requests_total", `code!="OK"`)})`, "{{code}}"]],
      },
      {
        title: "WebSockets ended, by code",
        unit: "ops",
        queries: [[`sum by (code) (${rate("cation_signal_closes_total")})`, "{{code}}"]],
      },
      {
        title: "Connections refused",
        unit: "ops",
        queries: [[`sum by (code) (${rate("cation_signal_refused_connections_total")})`, "{{code}}"]],
      },
      {
        title: "Calls of islb",
        unit: "ops",
        queries: [[`sum by (method) (${rate("cation_islb_calls_total")})`, "{{method}}"]],
      },
      {
        title: "Calls of islb that failed",
        unit: "ops",
        queries: [[`sum by (method, code) (${rate("cation_islb_calls_total", `code!="OK"`)})`, "{{method}} {{code}}"]],
      },
      {
        title: "Call time of islb, p95",
        unit: "s",
        queries: [[quantile(0.95, "cation_islb_call_duration_seconds", "method"), "{{method}}"]],
      },
      {
        title: "Changes of rooms",
        unit: "ops",
        queries: [
          [`sum by (change) (${rate("cation_islb_room_events_total")})`, "{{change}}"],
          [`sum(${rate("cation_islb_room_events_dropped_total")})`, "dropped"],
        ],
      },
      {
        title: "Ghosts and lost nodes",
        unit: "short",
        queries: [
          [`sum(increase(${of("cation_islb_ghosts_removed_total")}[${WINDOW}]))`, "ghosts"],
          [`sum(increase(${of("cation_islb_nodes_lost_total")}[${WINDOW}]))`, "lost nodes"],
        ],
      },
    ],
  },
};

/** The files, by name. */
export function dashboardFiles(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(DASHBOARDS).map(([name, dashboard]) => [
      `${name}.json`,
      `${JSON.stringify(toGrafana(name, dashboard), null, 2)}\n`,
    ]),
  );
}

const SOURCE = { type: "prometheus", uid: "${datasource}" };

function toGrafana(name: string, { title, panels }: Dashboard): object {
  return {
    uid: `cation-${name}`,
    title: `cation / ${title}`,
    tags: ["cation"],
    schemaVersion: 39,
    editable: true,
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        { name: "datasource", type: "datasource", query: "prometheus" },
        {
          name: "namespace",
          type: "query",
          datasource: SOURCE,
          query: "label_values(cation_sfu_stress, namespace)",
          includeAll: true,
          allValue: ".*",
          current: { text: "All", value: "$__all" },
          refresh: 2,
        },
      ],
    },
    panels: panels.map((panel, index) => toGrafanaPanel(panel, index)),
  };
}

function toGrafanaPanel({ title, text, unit, stat, queries }: Panel, index: number): object {
  return {
    id: index + 1,
    type: stat === true ? "stat" : "timeseries",
    title,
    ...(text === undefined ? {} : { description: text }),
    datasource: SOURCE,
    gridPos: { h: HEIGHT, w: WIDTH, x: (index % COLUMNS) * WIDTH, y: Math.floor(index / COLUMNS) * HEIGHT },
    fieldConfig: { defaults: { unit }, overrides: [] },
    targets: queries.map(([expr, legendFormat], i) => ({ refId: String.fromCodePoint(65 + i), expr, legendFormat })),
  };
}

if (isMain(import.meta.url)) {
  for (const name of readdirSync(DASHBOARDS_FOLDER)) rmSync(join(DASHBOARDS_FOLDER, name));
  for (const [name, text] of Object.entries(dashboardFiles())) writeFileSync(join(DASHBOARDS_FOLDER, name), text);
}
