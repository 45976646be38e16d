{{/* Names and labels. */}}

{{- define "cation.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (default .Chart.Name .Values.nameOverride) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (default .Chart.Name .Values.nameOverride) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Argument: dict root, component. What pods are selected by: never changes in a release's life. */}}
{{- define "cation.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Argument: dict root, component. */}}
{{- define "cation.labels" -}}
{{ include "cation.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: cation
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Argument: dict root, component, and optionally name (default: full name and component). The metadata of an object. */}}
{{- define "cation.metadata" -}}
name: {{ .name | default (printf "%s-%s" (include "cation.fullname" .root) .component) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "cation.labels" . | nindent 2 }}
{{- $annotations := merge (dict) (.annotations | default dict) (.root.Values.commonAnnotations | default dict) }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "cation.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cation.secretName" -}}
{{ include "cation.fullname" . }}-secrets
{{- end -}}

{{/* Where signal's keys are: an existing Secret, or the chart's own. */}}
{{- define "cation.authSecretName" -}}
{{ .Values.auth.existingSecret | default (include "cation.secretName" .) }}
{{- end -}}

{{/* host:port of every islb: a headless name with all their addresses, which gRPC takes in turn. */}}
{{- define "cation.islbAddress" -}}
{{ include "cation.fullname" . }}-islb.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}:7100
{{- end -}}

{{- define "cation.redisHost" -}}
{{ include "cation.fullname" . }}-redis.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}

{{- define "cation.natsHost" -}}
{{ include "cation.fullname" . }}-nats.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}

{{/* Settings of a pod that are the same for all: identity, scheduling, security. Argument: dict root, component, values. */}}
{{- define "cation.podSettings" -}}
serviceAccountName: {{ include "cation.fullname" .root }}-{{ .component }}
automountServiceAccountToken: false
# Variables of Kubernetes' own for each Service are of no use here, and there can be thousands.
enableServiceLinks: false
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName | default (and .root.Values.priorityClass.create (printf "%s-media" (include "cation.fullname" .root))) }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.topologySpread }}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "cation.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Metadata of a pod. Argument: dict root, component, values, and checksum (of what must restart it). */}}
{{- define "cation.podMetadata" -}}
labels:
  {{- include "cation.labels" . | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  kubectl.kubernetes.io/default-container: {{ .component }}
  {{- with .checksum }}
  checksum/settings: {{ . }}
  {{- end }}
  {{- with .root.Values.commonAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/*
Probes on the admin port. Liveness asks whether the process turns and nothing else; readiness whether it may take work.
Neither restarts healthy media while Redis or NATS is away.
*/}}
{{- define "cation.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: admin }
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /healthz, port: admin }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: admin }
  periodSeconds: 3
  timeoutSeconds: 2
  failureThreshold: 2
{{- end -}}

{{/* Plain settings of a service: config.drainTimeoutMs is CATION_SIGNAL_DRAIN_TIMEOUT_MS. Argument: dict prefix, config. */}}
{{- define "cation.configEnv" -}}
{{- range $key, $value := .config }}
- name: {{ $.prefix }}{{ $key | snakecase | upper }}
  value: {{ if kindIs "slice" $value }}{{ join "," $value | quote }}{{ else if kindIs "float64" $value }}{{ printf "%.15g" $value | quote }}{{ else }}{{ $value | quote }}{{ end }}
{{- end }}
{{- end -}}

{{/* Argument: dict root, prefix. Mutual TLS between the services. */}}
{{- define "cation.grpcTlsEnv" -}}
{{- if .root.Values.grpcTls.existingSecret }}
- name: {{ .prefix }}GRPC_CA_FILE
  value: /etc/cation/grpc/ca.crt
- name: {{ .prefix }}GRPC_CERT_FILE
  value: /etc/cation/grpc/tls.crt
- name: {{ .prefix }}GRPC_KEY_FILE
  value: /etc/cation/grpc/tls.key
{{- end }}
{{- end -}}

{{/* Urls of NATS, as islb and sfu take them. Argument: dict root, prefix. */}}
{{- define "cation.natsEnv" -}}
- name: {{ .prefix }}NATS_URLS
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.nats.existingSecret | default (include "cation.secretName" .root) }}
      key: {{ .root.Values.nats.existingSecret | empty | ternary "nats-urls" .root.Values.nats.existingSecretKey }}
{{- end -}}

{{/* The Secret that a kind of file comes from; empty where none is named. Argument: dict root, name. */}}
{{- define "cation.secretOf" -}}
{{- $values := .root.Values -}}
{{- get (dict "grpc" $values.grpcTls.existingSecret "redis" $values.redis.tls.existingSecret "nats" $values.nats.tls.existingSecret "http" $values.signal.tls.existingSecret) .name -}}
{{- end -}}

{{/* Mounts of files that come from Secrets. Argument: dict root, names. */}}
{{- define "cation.mounts" -}}
{{- range $name := .names }}
{{- if include "cation.secretOf" (dict "root" $.root "name" $name) }}
- name: {{ $name }}
  mountPath: /etc/cation/{{ $name }}
  readOnly: true
{{- end }}
{{- end }}
{{- end -}}

{{/* The volumes to these mounts. */}}
{{- define "cation.volumes" -}}
{{- range $name := .names }}
{{- with include "cation.secretOf" (dict "root" $.root "name" $name) }}
- name: {{ $name }}
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end -}}

{{/* How long a pod may take to go: before SIGTERM, draining, closing, and some spare. Argument: dict preStop, drainMs. */}}
{{- define "cation.gracePeriod" -}}
{{ add (int .preStop) (div (add (int .drainMs) 999) 1000) 10 }}
{{- end -}}

{{/* Where sfu gets its announced addresses from. */}}
{{- define "cation.announceFrom" -}}
{{ .Values.sfu.announce.from | default (eq .Values.sfu.exposure.mode "loadBalancer" | ternary "perPod" "hostIp") }}
{{- end -}}

{{/* How many sfu there can be. */}}
{{- define "cation.maxSfus" -}}
{{ .Values.sfu.autoscaling.enabled | ternary .Values.sfu.autoscaling.maxReplicas .Values.sfu.replicas }}
{{- end -}}
