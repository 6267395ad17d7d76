import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Outgoing, openClient } from "../../../control/demo/client.ts";
import { replayRows } from "../../../control/demo/replay/replay.ts";
import { parseRow, readRows } from "../../../control/demo/replay/rows.ts";

const ROWS = [
  { method: "GET", path: "/a?x=1", headers: { host: "one.example", "x-mark": "1" } },
  { method: "POST", path: "/missing", headers: { "content-length": "99" }, body: "hello" },
  { method: "GET", path: "/a", headers: {}, label: 1 },
];
type Seen = { method: string; path: string; host: string; body: string; mark: string | undefined };

let folder: string;
let server: Server;
let url: URL;
let seen: Seen[] = [];

const readBody = async (request: IncomingMessage): Promise<string> => {
  let body = "";
  for await (const part of request) body += part;
  return body;
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "limen-replay-"));
  server = createServer(async (request, answer) => {
    const { method = "", url: path = "", headers } = request;
    const mark = headers["x-mark"] as string | undefined;
    seen.push({ method, path, host: headers.host ?? "", body: await readBody(request), mark });
    answer.writeHead(path === "/missing" ? 404 : 200).end("ok");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const write = (name: string, content: string | Buffer): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};
const lines = (rows: readonly unknown[]): string => rows.map((r) => JSON.stringify(r)).join("\n");

async function replay(rows: AsyncIterable<Outgoing>, limit = Number.POSITIVE_INFINITY, rate = 0) {
  seen = [];
  const client = openClient(url, 2);
  try {
    return await replayRows(rows, client, { rate, inFlight: 2, limit });
  } finally {
    client.close();
  }
}

describe("replayRows", () => {
  it("counts answers by status", async () => {
    const summary = await replay(readRows(write("rows.jsonl", lines(ROWS))));
    expect(summary.statuses).toEqual({ 200: 2, 404: 1 });
  });

  it("sends method, path, host, headers and body of each row", async () => {
    await replay(readRows(write("rows.jsonl", `${lines(ROWS)}\n\n`)));
    const sorted = [...seen].sort((a, b) => a.path.localeCompare(b.path));
    const host = url.host;
    expect(sorted).toEqual([
      { method: "GET", path: "/a", host, body: "", mark: undefined },
      { method: "GET", path: "/a?x=1", host: "one.example", body: "", mark: "1" },
      { method: "POST", path: "/missing", host, body: "hello", mark: undefined },
    ]);
  });

  it("reads a gzip file", async () => {
    const summary = await replay(readRows(write("rows.jsonl.gz", gzipSync(lines(ROWS)))));
    expect(summary.requests).toBe(3);
  });

  it("stops after the limit", async () => {
    const summary = await replay(readRows(write("rows.jsonl", lines(ROWS))), 2);
    expect([summary.requests, seen.length]).toEqual([2, 2]);
  });

  it("keeps to the rate", async () => {
    const rows = Array.from({ length: 30 }, () => ROWS[0]);
    const summary = await replay(readRows(write("many.jsonl", lines(rows))), 30, 100);
    expect(summary.seconds).toBeGreaterThanOrEqual(0.28);
  });

  it("counts a request without an answer as an error and goes on", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const gone = new URL(`http://127.0.0.1:${(closed.address() as AddressInfo).port}`);
    await new Promise((resolve) => closed.close(resolve));
    const client = openClient(gone, 1);
    const rows = readRows(write("rows.jsonl", lines(ROWS)));
    const options = { rate: 0, inFlight: 1, limit: Number.POSITIVE_INFINITY };
    expect((await replayRows(rows, client, options)).errors).toEqual({ ECONNREFUSED: 3 });
    client.close();
  });

  it("replays real recorded requests with an answer to each", async () => {
    const file = join(import.meta.dirname, "../../../../shared/data/http/apache.jsonl.gz");
    if (!existsSync(file)) {
      process.stderr.write("recorded requests are not on this machine: nothing replayed\n");
      return;
    }
    const total = 500;
    const summary = await replay(readRows(file), total);
    const source = gunzipSync(readFileSync(file)).toString("utf8").split("\n").slice(0, total);
    const paths = source.map((line) => JSON.parse(line).path as string).sort();
    expect(summary.errors).toEqual({});
    expect(seen.map(({ path }) => path).sort()).toEqual(paths);
  });
});

describe("readRows", () => {
  const drain = async (file: string): Promise<void> => {
    for await (const _ of readRows(file)) void _;
  };

  it("names the line that is not JSON", async () => {
    const file = write("bad.jsonl", `${JSON.stringify(ROWS[0])}\n\n{"method":`);
    await expect(drain(file)).rejects.toThrow(`${file}:3: not JSON`);
  });

  it("names the line and the key of a row that is no request", async () => {
    const file = write("bad.jsonl", '{"method":"GET","headers":{}}');
    await expect(drain(file)).rejects.toThrow(`${file}:1: "path"`);
  });

  it("refuses a file that does not exist", async () => {
    await expect(drain(join(folder, "none.jsonl"))).rejects.toThrow("no such file");
  });

  it("refuses a .gz file that is not gzip", async () => {
    const file = write("plain.jsonl.gz", "plain text");
    await expect(drain(file)).rejects.toThrow("cannot be read");
  });
});

describe("parseRow", () => {
  it("refuses a method with a space", () => {
    expect(() => parseRow('{"method":"GET x","path":"/"}', "f:1")).toThrow('f:1: "method"');
  });
});
