{{- define "refundlens.labels" -}}
app.kubernetes.io/name: refundlens
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "refundlens.selector" -}}
app.kubernetes.io/name: refundlens
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "refundlens.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "refundlens.secret" -}}
{{ .Values.existingSecret | default (printf "%s-refundlens" .Release.Name) }}
{{- end }}

{{- /* What the process of every pod may do: nothing but its work (deploy/compose.yaml has the same). */ -}}
{{- define "refundlens.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "refundlens.user" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /* A Deployment's pods; the API and the workers are one image with other settings. */ -}}
{{- define "refundlens.pod" -}}
metadata:
  labels:
    {{- include "refundlens.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .part }}
  annotations:
    # pods are replaced when what they read at the start has changed
    checksum/settings: {{ toYaml .root.Values.settings | sha256sum }}
    checksum/secret: {{ toYaml .root.Values.secret | sha256sum }}
spec:
  serviceAccountName: {{ .root.Release.Name }}-refundlens
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: {{ .root.Values.terminationSeconds }}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "refundlens.selector" . | nindent 10 }}
  securityContext: {{- include "refundlens.user" .root | nindent 4 }}
  containers:
    - name: refundlens
      image: {{ include "refundlens.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      env:
        - name: REFUNDLENS_WORKER
          value: {{ eq .part "worker" | quote }}
      envFrom:
        - configMapRef:
            name: {{ .root.Release.Name }}-refundlens
        - secretRef:
            name: {{ include "refundlens.secret" .root }}
      ports:
        - name: http
          containerPort: 8000
      # a first start on a busy node waits for the database's tables and judges a picture
      startupProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 3
        failureThreshold: 60
      # the process lives; a database that is away must not have it restarted
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 5
        timeoutSeconds: 5
      lifecycle:
        # balancers take a moment to look elsewhere
        preStop:
          exec: {command: [sleep, "5"]}
      resources:
        requests: {{- toYaml .resources.requests | nindent 10 }}
        limits:
          {{- toYaml .resources.limits | nindent 10 }}
          {{- if .root.Values.gpus }}
          nvidia.com/gpu: {{ .root.Values.gpus }}
          {{- end }}
      securityContext: {{- include "refundlens.confined" .root | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: /data}
        - {name: tmp, mountPath: /tmp}
  volumes:
    # nothing lasting: rows are in PostgreSQL, photos and models in the bucket
    - name: data
      emptyDir: {sizeLimit: 2Gi}
    - name: tmp
      emptyDir: {sizeLimit: 1Gi}
{{- end }}
