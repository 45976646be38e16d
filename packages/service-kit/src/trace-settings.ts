import { Type } from "typebox";

/** Settings of tracing, alike in every service. */
export const traceSettings = {
  traceEndpoint: Type.Optional(
    Type.String({
      pattern: "^https?://.+",
      description: "Sends traces there by OTLP over HTTP: http://collector:4318/v1/traces. Not set: no tracing.",
    }),
  ),
  traceSampleRatio: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 1,
    description: "Share of joins that are traced, where tracing is on. signal decides; the others follow.",
  }),
};
