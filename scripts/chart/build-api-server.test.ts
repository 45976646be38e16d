import { expect, test } from "vitest";
import { usePublishedParts } from "./build-api-server.ts";

test("Kubernetes' own parts are taken from where they are published", () => {
  const goMod = "replace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n\tx => y v1\n)\n";
  expect(usePublishedParts(goMod)).toBe("replace (\n\tk8s.io/api => k8s.io/api v0.33.2\n\tx => y v1\n)\n");
});
