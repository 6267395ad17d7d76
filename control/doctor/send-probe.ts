// Sends probes through a proxy and asks the service what it recorded of them.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExplainedDecision } from "../explain/view.ts";
import { findRequestId, type ProbeAnswer, type ProbeRecord, type ProbeResult } from "./probe.ts";

/** Each may fall to the audit share. */
const PLAIN = 3;
const ANSWER_MS = 10_000;
/** Envoy keeps access-log entries back for 1 s unless told otherwise. */
const RECORD_MS = 5_000;
const RECORD_POLL_MS = 200;
const BODY_CHARS_MAX = 65_536;
const MARKER_HEADER = "x-doctor-probe";

export type ProbeOptions = {
  url: string;
  headers: readonly (readonly [string, string])[];
  /** Tag headers of the models. */
  forge: readonly string[];
  /** Asks for the record of a request id; null where there is none yet. Null without a service. */
  explain: ((id: string) => Promise<ExplainedDecision | null>) | null;
};

async function send(url: string, headers: Headers): Promise<{ code: number | null; body: string }> {
  try {
    const answer = await fetch(url, {
      headers,
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return { code: answer.status, body: (await answer.text()).slice(0, BODY_CHARS_MAX) };
  } catch (thrown) {
    const { cause, message } = thrown as Error;
    return { code: null, body: cause instanceof Error ? cause.message : message };
  }
}

const toRecord = (view: ExplainedDecision): ProbeRecord => ({
  status: view.status,
  reason: view.reason,
  upstream: view.upstream,
  tags: view.models.flatMap(({ tag, cuts }) => {
    const cut = cuts.find(({ value }) => value === tag);
    return cut ? [{ header: cut.header.toLowerCase(), value: cut.value }] : [];
  }),
});

async function findRecord(
  id: string,
  explain: NonNullable<ProbeOptions["explain"]>,
): Promise<ProbeRecord | null> {
  const until = performance.now() + RECORD_MS;
  for (;;) {
    const view = await explain(id);
    if (view) return toRecord(view);
    if (performance.now() > until) return null;
    await sleep(RECORD_POLL_MS);
  }
}

type Sent = Omit<ProbeAnswer, "record"> & { id: string };

async function sendOne({ url, headers }: ProbeOptions, more: readonly string[][]): Promise<Sent> {
  const id = randomUUID();
  const marker = randomUUID();
  const all = new Headers();
  for (const [name, value] of headers) all.append(name, value);
  for (const [name = "", value = ""] of more) all.set(name, value);
  all.set("x-request-id", id);
  all.set(MARKER_HEADER, marker);
  const { code, body } = await send(url, all);
  return { code, body, marker, id: findRequestId(body) ?? id };
}

/** A few requests, one of them with forged tags. Changes nothing but the counts of the proxy. */
export async function sendProbes(options: ProbeOptions): Promise<ProbeResult> {
  const { url, forge, explain } = options;
  const sent: Sent[] = [];
  for (let count = 0; count < PLAIN; count++) sent.push(await sendOne(options, []));
  const names = forge.flatMap((name) => [name, name.replaceAll("-", "_")]);
  const forged = names.map((name) => [name, `forged-${randomUUID()}`]);
  const last = await sendOne(options, forged);
  const plain = await Promise.all(
    sent.map(async ({ id, ...answer }) => ({
      ...answer,
      record: explain && answer.code !== null ? await findRecord(id, explain) : null,
    })),
  );
  const values = forged.map(([, value = ""]) => value);
  return { url, plain, forged: { ...last, record: null, values }, hasService: explain !== null };
}
