import { describe, expect, it } from "vitest";
import { parseSettings } from "../../control/settings.ts";

const parse = (extra: Record<string, unknown>) =>
  parseSettings({ limen: 1, models: ["models/bot"], ...extra }, "limen.yaml", "/etc/limen").log;
const kafka = (more: Record<string, unknown>) => ({ log: "kafka://b1:9092", kafka: more });

describe("resolveLog", () => {
  it("takes a file of SQLite against the folder of limen.yaml", () => {
    expect(parse({})).toEqual({ kind: "sqlite", file: "/etc/limen/limen.db" });
  });

  it("takes brokers, in plain text and without a login unless said", () => {
    expect(parse({ log: "kafka://b1:9092,10.0.0.2:9093" })).toEqual({
      kind: "kafka",
      brokers: ["b1:9092", "10.0.0.2:9093"],
      tls: null,
      sasl: null,
      clientId: "limen",
      group: "limen-learn",
      prefix: "",
    });
  });

  it("takes tls: true for the authorities that Node knows", () => {
    expect(parse(kafka({ tls: true }))).toMatchObject({ tls: {} });
  });

  it("makes the paths of keys and of the password absolute", () => {
    const tls = { ca: "ca.pem", certificate: "own.pem", key: "/keys/own.key" };
    const sasl = { mechanism: "scram-sha-512", username: "limen", passwordFile: "password" };
    expect(parse(kafka({ tls, sasl }))).toMatchObject({
      tls: { ca: "/etc/limen/ca.pem", certificate: "/etc/limen/own.pem", key: "/keys/own.key" },
      sasl: { ...sasl, passwordFile: "/etc/limen/password" },
    });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ["an event log it does not know", { log: "nats://b:1" }, /"sqlite:FILE" or "kafka:\/\//],
    ["a broker without a port", { log: "kafka://b1" }, /kafka:\/\/HOST:PORT/],
    ["kafka beside SQLite", { kafka: {} }, /log is sqlite:\.\/limen\.db; change log or remove/],
    [
      "a password in the file",
      kafka({ sasl: { password: "x" } }),
      /kafka\.sasl\.password.*"passwordFile"/,
    ],
    [
      "a certificate without its key",
      kafka({ tls: { certificate: "a" } }),
      /kafka\.tls: .*together/,
    ],
    ["an unknown key", kafka({ brokers: [] }), /unknown key kafka\.brokers/],
    [
      "an unknown mechanism",
      kafka({ sasl: { mechanism: "gssapi", username: "u", passwordFile: "p" } }),
      /kafka\.sasl\.mechanism/,
    ],
    ["a prefix no topic may have", kafka({ prefix: "a/b" }), /kafka\.prefix: letters/],
  ])("refuses %s", (_, extra, message) => {
    expect(() => parse(extra)).toThrow(message);
  });
});
