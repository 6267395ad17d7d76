// A bounded load over keep-alive connections, and single requests with any header bytes.
import { type IncomingMessage, request } from "node:http";
import { openConnection, type WireReply, writeRequest } from "./connection.ts";
import { LOOPBACK } from "./envoy.ts";
import type { Seen } from "./upstream.ts";

export type Question = {
  method?: string;
  path?: string;
  /** Raw pairs: names keep their case, names may repeat. */
  headers?: readonly (readonly [string, string])[];
};

export type Reply = { status: number; headers: IncomingMessage["headers"]; body: string };

function flatten(pairs: Question["headers"]): string[] {
  return (pairs ?? []).flat();
}

/** One request; a broken connection is status 0. */
export function ask(port: number, question: Question = {}): Promise<Reply> {
  return new Promise((resolve) => {
    const sent = request({
      host: LOOPBACK,
      port,
      method: question.method ?? "GET",
      path: question.path ?? "/",
      headers: ["host", "shop.example", ...flatten(question.headers)],
    });
    const fail = (error: Error): void => resolve({ status: 0, headers: {}, body: error.message });
    sent.once("error", fail);
    sent.once("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        body += part;
      });
      response.once("error", fail);
      const { statusCode = 0, headers } = response;
      response.once("end", () => resolve({ status: statusCode, headers, body }));
    });
    sent.end();
  });
}

/** One request to an application of support/upstream.ts: what it saw. */
export async function askUpstream(port: number, question: Question = {}): Promise<Seen> {
  const { status, body } = await ask(port, question);
  if (status !== 200) throw new Error(`answered ${status}: ${body}`);
  return JSON.parse(body) as Seen;
}

/** Values the application saw under a header name, whatever its case. */
export function seenValues(seen: Seen, name: string): string[] {
  return seen.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

export type Load = {
  port: number;
  requests: number;
  connections: number;
  /** The same for all: a GET with these headers. */
  question: Pick<Question, "path" | "headers">;
  /** Called with each reply and the times of sending and of its end (performance.now()). */
  onReply?(reply: WireReply, sent: number, ended: number): void;
};

/** Sends that many requests, one at a time on each connection; the count of each status. */
export async function runLoad(load: Load): Promise<Readonly<Record<number, number>>> {
  const { port, requests, connections, question, onReply } = load;
  const text = writeRequest(question.path ?? "/", question.headers ?? []);
  const counts: Record<number, number> = {};
  let left = requests;
  const drive = async (): Promise<void> => {
    const connection = await openConnection(port);
    while (left > 0) {
      left -= 1;
      const sent = performance.now();
      const reply = await connection.ask(text);
      counts[reply.status] = (counts[reply.status] ?? 0) + 1;
      onReply?.(reply, sent, performance.now());
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, drive));
  return counts;
}
