import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const CHART = join(import.meta.dirname, "../../deploy/helm/cation");

/** A query of a dashboard, ready for Prometheus. */
export interface PanelQuery {
  readonly dashboard: string;
  readonly panel: string;
  readonly expression: string;
}

/** A rule of the chart. */
export interface AlertRule {
  readonly alert: string;
  readonly expression: string;
}

/** Every query of every panel, with Grafana's variables filled in. */
export function panelQueries(namespace: string, window: string): readonly PanelQuery[] {
  const folder = join(CHART, "dashboards");
  return readdirSync(folder).flatMap((file) => {
    const { title, panels } = JSON.parse(readFileSync(join(folder, file), "utf8")) as GrafanaDashboard;
    return panels.flatMap((panel) =>
      panel.targets.map(({ expr }) => ({
        dashboard: title,
        panel: panel.title,
        expression: expr.replaceAll("$namespace", namespace).replaceAll("$__rate_interval", window),
      })),
    );
  });
}

interface GrafanaDashboard {
  readonly title: string;
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

/** The rule file as the chart would render it. */
export function ruleFile(namespace: string): string {
  return readFileSync(join(CHART, "files/alerts.yaml"), "utf8")
    .replaceAll("NAMESPACE", namespace)
    .replaceAll("RUNBOOKS", "https://example.org/runbooks");
}

export function alertRules(namespace: string): readonly AlertRule[] {
  const file = parse(ruleFile(namespace)) as {
    readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
  };
  return file.groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ alert, expression: expr })));
}

/**
 * What a rule looks at, each metric once: with the labels that it names, whatever their values, since a rule that waits
 * for something bad finds no such series while all is well. `metric{kind=~".+", code=~".+"}`.
 */
export function seriesOf(expression: string): readonly string[] {
  const selectors = expression.matchAll(/\b([a-z_]+)\{([^}]*)\}/g);
  const series = Array.from(selectors, ([, metric = "", matchers = ""]) => {
    const labels = Array.from(matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g), ([, label]) => `${label}=~".+"`);
    return `${metric}{${labels.join(", ")}}`;
  });
  return [...new Set(series)];
}
