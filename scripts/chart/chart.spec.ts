import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadIslbConfig } from "@cation/islb/islb-config";
import { loadSfuConfig } from "@cation/sfu/sfu-config";
import { loadSignalConfig } from "@cation/signal/signal-config";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { MATRIX } from "./matrix.ts";
import { manifestsOf, render } from "./render.ts";
import type { Manifest } from "./render.ts";
import { CHART } from "./values-schema.ts";

const ROOT = join(import.meta.dirname, "../..");
const HELM = process.env["CHART_HELM"] ?? "helm";

interface Variable {
  readonly name: string;
  readonly value?: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- a Kubernetes object
  readonly valueFrom?: any;
}

const manifests = (values: object): Manifest[] => manifestsOf(render(HELM, values));
const workload = (all: Manifest[], component: string): Manifest => {
  const found = all.find(
    ({ kind, metadata }) =>
      ["Deployment", "StatefulSet"].includes(kind) && metadata.labels["app.kubernetes.io/component"] === component,
  );
  if (!found) throw new Error(`no workload ${component}`);
  return found;
};
const podOf = (all: Manifest[], component: string) => workload(all, component)["spec"].template.spec;
const containerOf = (all: Manifest[], component: string) => podOf(all, component).containers[0];
const envOf = (all: Manifest[], component: string): Record<string, Variable> =>
  Object.fromEntries((containerOf(all, component).env as Variable[]).map((entry) => [entry.name, entry]));

const LOADERS = { signal: loadSignalConfig, islb: loadIslbConfig, sfu: loadSfuConfig };
type Service = keyof typeof LOADERS;
const SERVICES = Object.keys(LOADERS) as Service[];

/** What a container would see: Secrets of the chart read, those of others and fields of the pod made up. */
function environmentOf(all: Manifest[], component: Service): Record<string, string> {
  const secrets = new Map(all.filter(({ kind }) => kind === "Secret").map((one) => [one.metadata.name, one["data"]]));
  const result: Record<string, string> = {};
  for (const { name, value, valueFrom } of containerOf(all, component).env as Variable[]) {
    const { name: secret, key, optional } = valueFrom?.secretKeyRef ?? {};
    if (value !== undefined) result[name] = value.replaceAll(/\$\((\w+)\)/g, (_, inner: string) => result[inner] ?? "");
    else if (valueFrom.fieldRef) result[name] = name === "POD_NAME" ? "cation-sfu-1" : "192.0.2.77";
    else if (secrets.has(secret)) {
      const text = secrets.get(secret)[key] as string | undefined;
      if (text === undefined && optional !== true) throw new Error(`${component}: ${secret} has no ${key}`);
      if (text !== undefined) result[name] = Buffer.from(text, "base64").toString();
    } else result[name] = FOREIGN_SECRETS[key] ?? "";
  }
  return result;
}

const FOREIGN_SECRETS: Record<string, string> = {
  "api-keys": `other:${"x".repeat(32)}`,
  "session-secret": "y".repeat(32),
  "ice-servers": '[{"urls":["stun:stun.example.org"],"username":"","credential":""}]',
  "redis-url": "redis://redis.example.org",
  "nats-urls": "nats://nats.example.org:4222",
};

describe.each(Object.entries(MATRIX))("%s", (_name, values) => {
  const all = manifests(values);

  test("the services take the environment: no unknown name, no wrong value", () => {
    for (const service of SERVICES) LOADERS[service](environmentOf(all, service));
  });

  test("no variable is set twice", () => {
    for (const service of SERVICES) {
      const names = (containerOf(all, service).env as Variable[]).map(({ name }) => name);
      expect(names).toEqual([...new Set(names)]);
    }
  });

  test("ports of containers are those of the settings", () => {
    const [signal, islb, sfu] = SERVICES.map((service) => LOADERS[service](environmentOf(all, service)));
    const portOf = (service: Service, name: string): number =>
      containerOf(all, service).ports.find((port: { name: string }) => port.name === name)?.containerPort;
    expect(portOf("signal", "http")).toBe(Reflect.get(signal ?? {}, "httpPort"));
    expect(portOf("signal", "admin")).toBe(Reflect.get(signal ?? {}, "adminPort"));
    for (const name of ["grpc", "admin"]) {
      expect(portOf("islb", name)).toBe(Reflect.get(islb ?? {}, `${name}Port`));
      expect(portOf("sfu", name)).toBe(Reflect.get(sfu ?? {}, `${name}Port`));
    }
  });

  test("liveness looks at /healthz alone, readiness at /readyz", () => {
    for (const service of SERVICES) {
      const { livenessProbe, readinessProbe, startupProbe } = containerOf(all, service);
      expect(livenessProbe.httpGet).toEqual({ path: "/healthz", port: "admin" });
      expect(startupProbe.httpGet).toEqual({ path: "/healthz", port: "admin" });
      expect(readinessProbe.httpGet).toEqual({ path: "/readyz", port: "admin" });
    }
  });

  test("a drain has the time that it was promised", () => {
    for (const service of SERVICES) {
      const { drainTimeoutMs } = LOADERS[service](environmentOf(all, service));
      const preStop = Number(containerOf(all, service).lifecycle?.preStop.exec.command[1] ?? 0);
      // Five seconds more are the services' own for closing.
      const least = preStop + drainTimeoutMs / 1000 + 5;
      expect(podOf(all, service).terminationGracePeriodSeconds).toBeGreaterThan(least);
    }
  });

  test("pods have no more rights than they need", () => {
    for (const manifest of all.filter(({ kind }) => ["Deployment", "StatefulSet"].includes(kind))) {
      const pod = manifest["spec"].template.spec;
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      for (const container of [...pod.containers, ...(pod.initContainers ?? [])]) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(container.resources.limits.memory).toBeDefined();
      }
    }
  });

  test("services select pods that there are", () => {
    const labels = all.flatMap((one) => (one["spec"]?.template ? [one["spec"].template.metadata.labels] : []));
    for (const { metadata, spec } of all.filter(({ kind }) => kind === "Service") as Manifest[]) {
      const { "statefulset.kubernetes.io/pod-name": podName, ...selector } = spec.selector;
      const hit = labels.some((one) => Object.entries(selector).every(([key, value]) => one[key] === value));
      expect(hit, metadata.name).toBe(true);
      if (podName) expect(podName).toMatch(/^cation-sfu-\d+$/);
    }
  });

  test("names are not given twice", () => {
    const names = all.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names).toEqual([...new Set(names)]);
  });
});

describe("media exposure", () => {
  const hostPorts = (all: Manifest[]) =>
    (containerOf(all, "sfu").ports as { hostPort?: number }[]).flatMap(({ hostPort }) => hostPort ?? []);

  test("hostPort: one number, UDP and TCP, of the node; its address is announced", () => {
    const all = manifests({ sfu: { media: { port: 7400 } } });
    expect(hostPorts(all)).toEqual([7400, 7400]);
    expect(envOf(all, "sfu")["CATION_SFU_MEDIA_PORT"]?.value).toBe("7400");
    expect(envOf(all, "sfu")["CATION_SFU_ANNOUNCED_ADDRESSES"]?.valueFrom.fieldRef.fieldPath).toBe("status.hostIP");
    expect(podOf(all, "sfu").hostNetwork).toBeUndefined();
  });

  test("hostNetwork: no hostPort, cluster DNS, and no policy that would not hold", () => {
    const all = manifests({ sfu: { exposure: { mode: "hostNetwork" } } });
    expect(hostPorts(all)).toEqual([]);
    expect(podOf(all, "sfu")).toMatchObject({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" });
    const policies = all.filter(({ kind }) => kind === "NetworkPolicy").map(({ metadata }) => metadata.name);
    expect(policies).not.toContain("cation-sfu");
  });

  test("nodePort: a Service and a port a pod, the same inside and outside, alive while not ready", () => {
    const all = manifests({ sfu: { replicas: 3, exposure: { mode: "nodePort" }, media: { port: 30300 } } });
    const services = all.filter(({ metadata }) => metadata.name.includes("sfu-media"));
    expect(services).toHaveLength(3);
    for (const [index, { spec }] of services.entries()) {
      expect(spec).toMatchObject({ type: "NodePort", externalTrafficPolicy: "Local", publishNotReadyAddresses: true });
      for (const port of spec.ports) {
        expect(port).toMatchObject({ port: 30300 + index, targetPort: 30300 + index, nodePort: 30300 + index });
      }
    }
    expect(envOf(all, "sfu")["CATION_SFU_MEDIA_PORT"]).toBeUndefined();
    expect(hostPorts(all)).toEqual([]);
  });

  test("each worker has a port: of the node, and of the pod's own", () => {
    expect(hostPorts(manifests({ sfu: { media: { workers: 2 } } }))).toEqual([7300, 7300, 7301, 7301]);
    const all = manifests(MATRIX["nodePort, four workers"] ?? {});
    const ports = all
      .filter(({ metadata }) => metadata.name.includes("sfu-media"))
      .flatMap(({ spec }) => spec.ports.map(({ nodePort }: { nodePort: number }) => nodePort));
    expect(ports).toEqual([30300, 30301, 30302, 30303, 30304, 30305, 30306, 30307]);
    expect(envOf(all, "sfu")["SFU_MEDIA_PORTS_PER_POD"]?.value).toBe("4");
  });

  test("loadBalancer: a Service a pod with its address", () => {
    const all = manifests(MATRIX["loadBalancer"] ?? {});
    const services = all.filter(({ metadata }) => metadata.name.includes("sfu-media"));
    expect(services.map(({ spec }) => spec.loadBalancerIP)).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(services[1]?.metadata.annotations).toMatchObject({
      "example.org/address": "192.0.2.2",
      "example.org/n": "1",
    });
  });

  test("the token that reads the node is the init container's alone", () => {
    const all = manifests({ sfu: { announce: { from: "nodeExternalIp" } } });
    const mountsOf = (container: { volumeMounts?: { name: string }[] }) =>
      container.volumeMounts?.map(({ name }) => name) ?? [];
    expect(mountsOf(podOf(all, "sfu").initContainers[0])).toContain("token");
    expect(mountsOf(containerOf(all, "sfu"))).not.toContain("token");
    const roles = all.filter(({ kind }) => kind === "ClusterRole");
    expect(roles.map(({ rules }) => rules)).toEqual([[{ apiGroups: [""], resources: ["nodes"], verbs: ["get"] }]]);
    expect(manifests({}).some(({ kind }) => kind.includes("Role"))).toBe(false);
  });
});

describe("the image's entrypoint", () => {
  const entrypoint = (env: Record<string, string>) => {
    const folder = mkdtempSync(join(tmpdir(), "cation-entrypoint-"));
    writeFileSync(
      join(folder, "node"),
      '#!/bin/sh\necho "$1 $CATION_SFU_MEDIA_PORT $CATION_SFU_ANNOUNCED_ADDRESSES"\n',
      {
        mode: 0o755,
      },
    );
    const script = join(ROOT, "deploy/images/entrypoint.sh");
    const { stdout, status } = spawnSync("/bin/sh", [script, "sfu"], {
      env: { PATH: `${folder}:/usr/bin:/bin`, ...env },
      encoding: "utf8",
    });
    return { status, words: stdout.trim().split(/\s+/).slice(1) };
  };

  test("works out port and address by the pod's number", () => {
    const env = {
      POD_NAME: "a-sfu-2",
      SFU_MEDIA_PORT_BASE: "30300",
      SFU_ANNOUNCED_ADDRESS_PER_POD: "192.0.2.1 192.0.2.2 ::3",
    };
    expect(entrypoint(env)).toEqual({ status: 0, words: ["30302", "::3"] });
    expect(entrypoint({ ...env, SFU_MEDIA_PORTS_PER_POD: "4" }).words).toEqual(["30308", "::3"]);
    expect(entrypoint({ ...env, POD_NAME: "a-sfu-7" }).status).toBe(1);
    expect(entrypoint({ ...env, POD_NAME: "a-sfu-x" }).status).toBe(1);
  });

  test("takes one address, and one that an init container wrote", () => {
    const one = { POD_NAME: "a-0", SFU_ANNOUNCED_ADDRESS_PER_POD: "192.0.2.1" };
    expect(entrypoint(one)).toEqual({ status: 0, words: ["192.0.2.1"] });
    expect(entrypoint({ ...one, POD_NAME: "a-1" }).status).toBe(1);
    const file = join(mkdtempSync(join(tmpdir(), "cation-announced-")), "announced");
    writeFileSync(file, "192.0.2.5,2001:db8::5");
    expect(entrypoint({ SFU_ANNOUNCED_ADDRESS_FILE: file }).words).toEqual(["192.0.2.5,2001:db8::5"]);
  });
});

describe("the announced address is found", () => {
  const folder = mkdtempSync(join(tmpdir(), "cation-find-"));
  const find = (source: string, env: Record<string, string>) =>
    new Promise<{ status: number | null; text: string; stderr: string }>((resolve) => {
      const file = join(folder, `${source}-${Math.random()}`);
      const child = spawn(process.execPath, [join(CHART, "files/find-address.mjs"), source, file], { env });
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      child.on("close", (status) => resolve({ status, text: status === 0 ? readFileSync(file, "utf8") : "", stderr }));
    });

  test("from the Node object", async () => {
    const node = {
      metadata: { annotations: { "cation.io/media-address": "192.0.2.8, 2001:db8::8" } },
      status: {
        addresses: [
          { type: "InternalIP", address: "10.0.0.1" },
          { type: "ExternalIP", address: "192.0.2.7" },
        ],
      },
    };
    const seen: unknown[] = [];
    const server = createServer((request, response) => {
      seen.push([request.url, request.headers.authorization]);
      response.end(JSON.stringify(node));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    writeFileSync(join(folder, "token"), "secret\n");
    const env = {
      API_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      TOKEN_FILE: join(folder, "token"),
      NODE_NAME: "n1",
      NODE_ANNOTATION: "cation.io/media-address",
    };
    expect((await find("nodeExternalIp", env)).text).toBe("192.0.2.7");
    expect((await find("nodeAnnotation", env)).text).toBe("192.0.2.8,2001:db8::8");
    expect(seen[0]).toEqual(["/api/v1/nodes/n1", "Bearer secret"]);
    expect(await find("nodeAnnotation", { ...env, NODE_ANNOTATION: "no" })).toMatchObject({ status: 1 });
    server.close();
  });

  test("from a STUN server", async () => {
    const socket = createSocket("udp4");
    socket.on("message", (request, { port, address }) => {
      const answer = Buffer.alloc(32);
      answer.writeUInt16BE(0x0101, 0);
      answer.writeUInt16BE(12, 2);
      request.copy(answer, 4, 4, 20);
      answer.writeUInt16BE(0x0020, 20);
      answer.writeUInt16BE(8, 22);
      answer[25] = 1;
      answer.writeUInt32BE((0xc0000209 ^ 0x2112a442) >>> 0, 28);
      socket.send(Buffer.from("not a STUN message at all"), port, address);
      socket.send(answer, port, address);
    });
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    expect((await find("stun", { STUN_SERVER: `127.0.0.1:${socket.address().port}` })).text).toBe("192.0.2.9");
    socket.close();
  });
});

describe("TURN and administration", () => {
  test("coturn and signal share a secret, and clients are told where coturn is", () => {
    const all = manifests({ coturn: { enabled: true, hosts: ["a.example.org", "b.example.org"] } });
    const { turnUrls, turnSecret, iceServers } = loadSignalConfig(environmentOf(all, "signal"));
    expect(turnUrls).toEqual(
      ["a", "b"].flatMap((host) => ["udp", "tcp"].map((by) => `turn:${host}.example.org:3478?transport=${by}`)),
    );
    const coturn = all.find(({ kind, metadata }) => kind === "Deployment" && metadata.name.endsWith("coturn"));
    const container = coturn?.["spec"].template.spec.containers[0];
    expect(container.args).toContain("--static-auth-secret=$(TURN_SECRET)");
    expect(container.env).toContainEqual({
      name: "TURN_SECRET",
      valueFrom: { secretKeyRef: { name: "cation-secrets", key: "turn-secret" } },
    });
    expect(turnSecret?.length).toBeGreaterThan(16);
    expect(iceServers).toEqual([]);
  });

  test("there is no admin API unless it is asked for", () => {
    expect(loadSignalConfig(environmentOf(manifests({}), "signal")).adminToken).toBeUndefined();
    const { adminToken } = loadSignalConfig(environmentOf(manifests({ auth: { admin: true } }), "signal"));
    expect(adminToken?.length).toBeGreaterThanOrEqual(32);
  });
});

describe("wrong values are refused, by name", () => {
  test.each<[string, object]>([
    ["sfu.exposure.mode", { sfu: { exposure: { mode: "magic" } } }],
    ["sfu.media.port", { sfu: { media: { port: 70_000 } } }],
    ["sfu.media.port", { sfu: { exposure: { mode: "nodePort" } } }],
    ["sfu.announce.addresses", { sfu: { announce: { from: "fixed" } } }],
    ["sfu.announce.addresses", { sfu: { exposure: { mode: "loadBalancer" }, announce: { addresses: ["192.0.2.1"] } } }],
    ["sfu.announce.addresses.0", { sfu: { announce: { from: "fixed", addresses: ["media.example.org"] } } }],
    ["sfu.announce.stunServer", { sfu: { announce: { from: "stun" } } }],
    ["sfu.kind", { sfu: { kind: "Deployment", exposure: { mode: "nodePort" }, media: { port: 30300 } } }],
    ["sfu.kind", { sfu: { kind: "Deployment" }, grpcTls: { existingSecret: "x" } }],
    ["sfu.config.drainTimeoutMs", { sfu: { config: { drainTimeoutMs: "long" } } }],
    ["sfu.config", { sfu: { config: { drainTimeout: 5 } } }],
    ["signal.config", { signal: { config: { apiKeys: ["a:b"] } } }],
    ["redis.url", { redis: { bundled: false } }],
    ["nats.urls", { nats: { bundled: false } }],
    ["redis.bundled", { redis: { url: "redis://x" } }],
    ["auth.apiKeys.0", { auth: { apiKeys: ["short:secret"] } }],
    ["auth.jwks.issuer", { auth: { jwks: { url: "https://x" } } }],
    ["signal.ingress.host", { signal: { ingress: { enabled: true } } }],
    ["coturn.hosts", { coturn: { enabled: true } }],
    ["iceServers.0.urls.0", { iceServers: [{ urls: ["http://x"] }] }],
    ["sfu.autoscaling.prometheusUrl", { sfu: { autoscaling: { enabled: true, kind: "keda" } } }],
    ["replica", { signal: { replica: 3 } }],
  ])("%s", (key, values) => {
    const { ok, stderr } = render(HELM, values);
    expect(ok).toBe(false);
    expect(stderr).toContain(key);
  });
});

describe("monitoring", () => {
  const known = metricNames();
  const alerts = parse(readFileSync(join(CHART, "files/alerts.yaml"), "utf8")) as {
    groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
  };
  const rules = alerts.groups.flatMap((group) => group.rules);
  const usedIn = (text: string): string[] =>
    text.match(/\b(cation_(signal|islb|sfu)|nodejs|process)_[a-z0-9_]+/g)?.map(baseName) ?? [];

  test("alerts ask for metrics that there are", () => {
    for (const { alert, expr } of rules) {
      expect(usedIn(expr).length, alert).toBeGreaterThan(0);
      expect(
        usedIn(expr).filter((name) => !known.has(name)),
        alert,
      ).toEqual([]);
    }
  });

  test("each alert has a runbook, and each runbook an alert", () => {
    const pages = readdirSync(join(ROOT, "docs/runbooks")).filter((name) => name !== "README.md");
    const wanted = rules.map(({ annotations }) => `${(annotations["runbook_url"] ?? "").split("/").at(-1)}`);
    expect(pages.toSorted()).toEqual(wanted.toSorted());
  });

  test("panels ask for metrics that there are", () => {
    const files = readdirSync(join(CHART, "dashboards"));
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      const { uid, title, panels } = JSON.parse(readFileSync(join(CHART, "dashboards", file), "utf8"));
      expect([typeof uid, typeof title]).toEqual(["string", "string"]);
      for (const panel of panels as { title: string; targets?: { expr: string }[] }[]) {
        for (const { expr } of panel.targets ?? []) {
          expect(usedIn(expr).length, `${file}: ${panel.title}`).toBeGreaterThan(0);
          expect(
            usedIn(expr).filter((name) => !known.has(name)),
            `${file}: ${panel.title}`,
          ).toEqual([]);
        }
      }
    }
  });
});

/** Histograms have three series. */
function baseName(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, "");
}

/** Metrics that the services define, and those of prom-client for the process. */
function metricNames(): Set<string> {
  const page = readFileSync(join(ROOT, "docs/metrics.md"), "utf8");
  return new Set([
    ...(page.match(/\bcation_(signal|islb|sfu)_[a-z0-9_]+/g) ?? []),
    ...["process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"],
    ...["nodejs_eventloop_lag_p99_seconds", "nodejs_eventloop_lag_seconds", "nodejs_heap_size_used_bytes"],
    ...["nodejs_external_memory_bytes", "nodejs_gc_duration_seconds"],
  ]);
}
