import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openKafkaLog } from "../../control/events/kafka.ts";
import type { EventLog } from "../../control/events/log.ts";
import type { Sasl } from "../../control/kafka/properties.ts";
import type { KafkaSettings } from "../../control/settings-log.ts";
import { openTestLog, startTestKafka, type TestKafka } from "../support/broker.ts";
import { type Authority, createAuthority, issueServer } from "../support/certificates.ts";
import { readAll } from "../support/log-conformance.ts";

const PASSWORD = "s3cret-of-the-test";
let folder: string;
let kafka: TestKafka | undefined;
let log: EventLog | undefined;
let authority: Authority;

const write = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "limen-security-"));
  authority = await createAuthority();
  const server = await issueServer(authority);
  const client = await authority.issue({ name: "limen" });
  const stranger = await (await createAuthority("another")).issue({ name: "limen" });
  write("ca.pem", authority.certificate);
  write("server.pem", `${server.key}${server.certificate}`);
  write("client.pem", client.certificate);
  write("client.key", client.key);
  write("stranger.pem", stranger.certificate);
  write("stranger.key", stranger.key);
  write("password", `${PASSWORD}\n`);
  write("wrong-password", "guessed");
});
afterEach(async () => {
  await log?.close();
  log = undefined;
  await kafka?.remove();
  kafka = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

const pathOf = (name: string): string => join(folder, name);
const ca = (): string => pathOf("ca.pem");
const own = (name: string) => ({
  ca: ca(),
  certificate: pathOf(`${name}.pem`),
  key: pathOf(`${name}.key`),
});
const loginOf = (mechanism: Sasl["mechanism"], passwordFile: string): KafkaSettings["sasl"] => ({
  mechanism,
  username: "limen",
  passwordFile: pathOf(passwordFile),
});

/** What comes back of one event appended with these settings. */
async function roundTrip(settings: KafkaSettings): Promise<string> {
  log = await openTestLog(settings);
  await log.append([
    { topic: "limen.decisions", key: null, value: new Uint8Array(Buffer.from("x")) },
  ]);
  const [event] = await readAll(log, "limen.decisions");
  return Buffer.from(event?.value ?? []).toString();
}

describe("openKafkaLog, over TLS", () => {
  it("trusts the authority it is given, and shows its own certificate", async ({ skip }) => {
    kafka = await startTestKafka({ tls: { keyStore: pathOf("server.pem"), clientCa: ca() } });
    if (!kafka) return skip();
    expect(await roundTrip(kafka.settingsOf("", { tls: own("client") }))).toBe("x");
    await expect(openKafkaLog(kafka.settingsOf("", { tls: { ca: ca() } }))).rejects.toMatchObject({
      code: "unavailable",
    });
    await expect(openKafkaLog(kafka.settingsOf("", { tls: own("stranger") }))).rejects.toThrow(
      /look at the topics: .*tls and sasl right/,
    );
  }, 120_000);

  it("refuses a broker whose authority nobody named", async ({ skip }) => {
    kafka = await startTestKafka({ tls: { keyStore: pathOf("server.pem") } });
    if (!kafka) return skip();
    await expect(openKafkaLog(kafka.settingsOf("", { tls: {} }))).rejects.toThrow(
      /unable to verify|self-signed|unable to get/,
    );
  });

  it("says which file cannot be read", async () => {
    const settings = { tls: { ca: pathOf("none.pem") }, sasl: null, prefix: "" } as const;
    const names = { kind: "kafka", brokers: ["127.0.0.1:1"], clientId: "l", group: "g" } as const;
    await expect(openKafkaLog({ ...names, ...settings })).rejects.toMatchObject({
      code: "input",
      message: expect.stringMatching(/none\.pem/),
    });
  });
});

describe("openKafkaLog, with a login", () => {
  it.for([
    ["plain", false],
    ["plain", true],
    ["scram-sha-256", false],
    ["scram-sha-512", true],
  ] as const)(
    "is let in by %s, over TLS: %s, and not with a guess",
    async ([mechanism, isTls], { skip }) => {
      const tls = isTls ? { tls: { keyStore: pathOf("server.pem") } } : {};
      const sasl = { mechanism, username: "limen", password: PASSWORD };
      kafka = await startTestKafka({ sasl, ...tls });
      if (!kafka) return skip();
      const ours = isTls ? { tls: { ca: ca() } } : {};
      const right = { ...ours, sasl: loginOf(mechanism, "password") };
      expect(await roundTrip(kafka.settingsOf("", right))).toBe("x");
      const wrong = { ...ours, sasl: loginOf(mechanism, "wrong-password") };
      await expect(openKafkaLog(kafka.settingsOf("", wrong))).rejects.toMatchObject({
        code: "refused",
        message: expect.not.stringContaining("guessed"),
      });
    },
  );
});
