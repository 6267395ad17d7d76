// Istio's own checks of the committed files, offline.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { parseAllDocuments } from "yaml";
import { buildExamples } from "../../control/install/istio-examples.ts";
import { type Answer, runIstioctl } from "./istioctl.ts";
import { itOnIstio } from "./programs.ts";

const ISTIO = join(import.meta.dirname, "../../istio");
/** Said of every EnvoyFilter there is, and the line above it. */
const KNOWN = /exposes internal implementation details|has warnings: *$/;

const isObject = (file: string): boolean =>
  parseAllDocuments(readFileSync(file, "utf8")).every(
    (document) => document.get("apiVersion") !== undefined,
  );

/** mesh-config.yaml holds values of a chart, not objects. */
const files = buildExamples()
  .map(({ file }) => join(ISTIO, file))
  .filter(isObject);

/** Lines that warn of something else than the one thing known. */
const warnings = ({ stdout, stderr }: Answer): string[] =>
  `${stdout}\n${stderr}`
    .split("\n")
    .filter((line) => /warn|error|unknown|IST\d{4}/i.test(line) && !KNOWN.test(line));

describe("istioctl validate", () => {
  for (const file of files) {
    itOnIstio(`passes istio/${file.split("/").at(-1)}`, async () => {
      const answer = await runIstioctl("validate", "-f", file);
      expect([answer.code, warnings(answer)]).toEqual([0, []]);
    });
  }
});

describe("istioctl analyze", () => {
  itOnIstio("finds nothing new in the files of a gateway", async () => {
    const parts = ["gateway.yaml", "telemetry.yaml", "service.yaml"].map((f) => join(ISTIO, f));
    const answer = await runIstioctl("analyze", "--use-kube=false", ...parts);
    expect(warnings(answer)).toEqual([]);
  });
});

describe("warnings", () => {
  itOnIstio("has one for a field that Envoy does not know", async () => {
    const folder = mkdtempSync(join(tmpdir(), "limen-istioctl-"));
    const text = readFileSync(join(ISTIO, "gateway.yaml"), "utf8");
    const file = join(folder, "gateway.yaml");
    writeFileSync(file, text.replace("type_urls:", "type_uris:"));
    const answer = await runIstioctl("validate", "-f", file);
    rmSync(folder, { recursive: true });
    expect(warnings(answer).join()).toContain('unknown field "type_uris"');
  });
});
