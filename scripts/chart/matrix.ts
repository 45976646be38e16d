/** Values that the chart is rendered with, by name; each must give manifests that Kubernetes takes. */
export const MATRIX: Readonly<Record<string, object>> = {
  defaults: {},
  "hostNetwork, Deployment": { sfu: { kind: "Deployment", exposure: { mode: "hostNetwork" } } },
  "hostNetwork, named nodes": {
    sfu: { exposure: { mode: "hostNetwork" } },
    networkPolicy: { nodeCidrs: ["10.1.0.0/16"] },
  },
  "hostPort without TCP": { sfu: { media: { tcp: false } } },
  nodePort: { sfu: { replicas: 3, exposure: { mode: "nodePort" }, media: { port: 30300 } } },
  "nodePort, four workers": {
    sfu: { exposure: { mode: "nodePort" }, media: { port: 30300, workers: 4, tcp: false } },
  },
  "hostPort, four workers": { sfu: { media: { workers: 4 } } },
  loadBalancer: {
    sfu: {
      exposure: {
        mode: "loadBalancer",
        loadBalancer: {
          annotations: { "example.org/address": "{{ .Pod.address }}", "example.org/n": "{{ .Pod.index }}" },
        },
      },
      announce: { addresses: ["192.0.2.1", "192.0.2.2"] },
    },
  },
  "external address of the node": { sfu: { announce: { from: "nodeExternalIp" } } },
  "annotation of the node": { sfu: { announce: { from: "nodeAnnotation" } } },
  stun: { sfu: { announce: { from: "stun", stunServer: "stun.example.org:3478" } } },
  "own Redis and NATS, TLS everywhere": {
    redis: { bundled: false, existingSecret: "redis", tls: { existingSecret: "redis-tls", clientCertificate: true } },
    nats: { bundled: false, urls: ["tls://nats.example.org:4222"], tls: { existingSecret: "nats-tls" } },
    grpcTls: { existingSecret: "grpc-tls" },
    signal: { tls: { existingSecret: "http-tls" } },
  },
  "own keys": { auth: { existingSecret: "keys" }, iceServersInSecret: true },
  "identity provider": { auth: { jwks: { url: "https://id.example.org/jwks", issuer: "https://id.example.org" } } },
  "ingress, autoscaling by CPU": {
    signal: {
      ingress: { enabled: true, host: "meet.example.org", className: "nginx", tlsSecretName: "meet-tls" },
      autoscaling: { enabled: true },
    },
    sfu: { autoscaling: { enabled: true, targetStressPercent: 60 } },
  },
  "autoscaling by KEDA": {
    sfu: {
      exposure: { mode: "nodePort" },
      media: { port: 30300 },
      autoscaling: { enabled: true, kind: "keda", prometheusUrl: "http://prometheus.monitoring:9090", maxReplicas: 4 },
    },
  },
  "coturn, static": {
    coturn: {
      auth: "static",
      enabled: true,
      hosts: ["turn.example.org"],
      externalIp: "192.0.2.9",
      allowedPeers: ["10.1.0.0-10.1.255.255"],
    },
    iceServers: [{ urls: ["stun:stun.example.org:3478"] }],
  },
  "coturn, secret": {
    coturn: { enabled: true, auth: "secret", hosts: ["turn.example.org"], userQuota: 10 },
    auth: { admin: true },
  },
  monitoring: {
    monitoring: {
      scrapeAnnotations: true,
      monitor: { enabled: true, labels: { release: "prometheus" } },
      rules: { enabled: true },
      dashboards: { enabled: true },
    },
    nats: { replicas: 3 },
  },
  "ServiceMonitor, labels, scheduling": {
    monitoring: { monitor: { enabled: true, kind: "ServiceMonitor" } },
    commonLabels: { team: "media" },
    commonAnnotations: { "example.org/owner": "media" },
    priorityClass: { create: true },
    image: { digest: `sha256:${"0".repeat(64)}`, pullSecrets: [{ name: "registry" }] },
    sfu: {
      nodeSelector: { "cation.io/media": "true" },
      tolerations: [{ key: "media", operator: "Exists", effect: "NoSchedule" }],
      podLabels: { a: "b" },
      podAnnotations: { c: "d" },
      extraEnv: [{ name: "UV_THREADPOOL_SIZE", value: "8" }],
      config: { maxEgressBps: 10_000_000_000, mediaSlotCount: 32_768, logLevel: "debug" },
    },
  },
  "nothing optional": {
    networkPolicy: { enabled: false },
    tests: { enabled: false },
    signal: { podDisruptionBudget: { enabled: false }, topologySpread: false, webApp: false },
    sfu: { podDisruptionBudget: { enabled: false } },
    islb: { podDisruptionBudget: { enabled: false } },
  },
};
