import { resolve } from "node:path";
import { z } from "zod";
import { LimenError } from "./errors.ts";

/** Where brokers are and how to be let in; paths are absolute. */
export type KafkaSettings = {
  kind: "kafka";
  /** HOST:PORT of the first brokers to ask. */
  brokers: readonly string[];
  /** Null: in plain text. Without `ca` the authorities that Node knows. */
  tls: { ca?: string; certificate?: string; key?: string } | null;
  sasl: { mechanism: SaslMechanism; username: string; passwordFile: string } | null;
  clientId: string;
  /** Consumer group of the learners. */
  group: string;
  /** Before the name of each topic. */
  prefix: string;
};
export type LogSettings = { kind: "sqlite"; file: string } | KafkaSettings;

export const SASL_MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

const KAFKA = "kafka://";
const SQLITE = "sqlite:";
/** Names and IPv4 addresses with a port, by commas. */
const LOG = /^(?:sqlite:.+|kafka:\/\/[\w.-]+:\d{1,5}(?:,[\w.-]+:\d{1,5})*)$/;
/** What Kafka allows in a name of a topic or a group. */
const NAME = /^[\w.-]{1,200}$/;

const path = z.string().min(1, "the path of a file");
const name = z.string().regex(NAME, "letters, digits, dots, dashes and underscores");

const tls = z
  .strictObject({
    ca: path.optional(),
    certificate: path.optional(),
    key: path.optional(),
  })
  .refine((given) => (given.certificate === undefined) === (given.key === undefined), {
    message: 'give "certificate" and "key" together, or neither',
  });

const sasl = z.strictObject({
  mechanism: z.enum(SASL_MECHANISMS),
  username: z.string().min(1, "the name of the user"),
  passwordFile: path,
});

/** The key `log` of limen.yaml. */
export const logSchema = z
  .string()
  .regex(LOG, '"sqlite:FILE" or "kafka://HOST:PORT,HOST:PORT"')
  .default("sqlite:./limen.db");

/** The key `kafka` of limen.yaml, beside `log: kafka://...`. */
export const kafkaSchema = z
  .strictObject({
    tls: z.union([z.boolean(), tls], { error: "true, or ca, certificate and key" }).optional(),
    sasl: sasl.optional(),
    clientId: name.default("limen"),
    group: name.default("limen-learn"),
    prefix: z
      .string()
      .regex(/^[\w.-]{0,100}$/, "letters, digits, dots, dashes, underscores")
      .default(""),
  })
  .optional();

type Kafka = NonNullable<z.output<typeof kafkaSchema>>;

function resolveTls(given: Kafka["tls"], folder: string): KafkaSettings["tls"] {
  if (given === undefined || given === false) return null;
  if (given === true) return {};
  const entries = Object.entries(given).filter(([, file]) => file !== undefined);
  return Object.fromEntries(entries.map(([key, file]) => [key, resolve(folder, `${file}`)]));
}

/** The event log of a limen.yaml in `folder`; `where` is the file, for messages. */
export function resolveLog(
  log: z.output<typeof logSchema>,
  kafka: z.output<typeof kafkaSchema>,
  where: string,
  folder: string,
): LogSettings {
  if (log.startsWith(SQLITE)) {
    if (kafka === undefined) {
      return { kind: "sqlite", file: resolve(folder, log.slice(SQLITE.length)) };
    }
    const text = `"kafka" is read with log: kafka://HOST:PORT only, and log is ${log}`;
    throw new LimenError("input", `${where}: ${text}; change log or remove "kafka"`);
  }
  const { tls: givenTls, sasl: login, ...names } = kafkaSchema.unwrap().parse(kafka ?? {});
  return {
    kind: "kafka",
    brokers: log.slice(KAFKA.length).split(","),
    tls: resolveTls(givenTls, folder),
    sasl: login ? { ...login, passwordFile: resolve(folder, login.passwordFile) } : null,
    ...names,
  };
}

/** As in limen.yaml, for a line a person reads. */
export function describeLog(log: LogSettings): string {
  return log.kind === "sqlite" ? `${SQLITE}${log.file}` : `${KAFKA}${log.brokers.join(",")}`;
}
