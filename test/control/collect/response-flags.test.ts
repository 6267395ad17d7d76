import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RESPONSE_FLAGS } from "../../../control/collect/response-flags.ts";
import { resolveLabels } from "../../../control/settings-labels.ts";

const PROTO = join(
  import.meta.dirname,
  "../../../node_modules/@grpc/grpc-js-xds/deps/envoy-api/envoy/data/accesslog/v3/accesslog.proto",
);

/** Fields of the message in Envoy's own file, by number. */
function readFields(): Map<number, string> {
  const [, body = ""] =
    /message ResponseFlags \{([\s\S]*?)\n\}/.exec(readFileSync(PROTO, "utf8")) ?? [];
  const fields = body.matchAll(/^ {2}\w+ (\w+) = (\d+)[ ;]/gm);
  return new Map([...fields].map(([, name = "", number]) => [Number(number), name]));
}

const numberOf = (flag: string): number => RESPONSE_FLAGS.indexOf(flag) + 1;

describe("RESPONSE_FLAGS", () => {
  it("has one name for each field of Envoy's message", () => {
    expect([...readFields().keys()].sort((a, b) => a - b)).toEqual(
      RESPONSE_FLAGS.map((_, index) => index + 1),
    );
  });

  it.each([
    ["UF", "upstream_connection_failure"],
    ["RL", "rate_limited"],
    ["DC", "downstream_connection_termination"],
    ["UPE", "upstream_protocol_error"],
    ["DF", "dns_resolution_failure"],
    ["DR", "downstream_remote_reset"],
  ])("has %s where Envoy has %s", (flag, field) => {
    expect(readFields().get(numberOf(flag))).toBe(field);
  });
});

describe("a label source from: flag", () => {
  it("looks at the bit of Envoy's field", () => {
    const settings = resolveLabels([{ from: "flag", positive: ["DR"] }]);
    expect(settings?.sources[0]?.flags).toBe(1 << 27);
  });
});
