import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServer, startApi } from "../../../control/api/server.ts";
import type { ApplyRequest, ServiceFace, StatusView } from "../../../control/api/views.ts";
import { LimenError } from "../../../control/errors.ts";
import type { Explained } from "../../../control/explain/view.ts";

const asked: unknown[] = [];
const service: ServiceFace = {
  status: () => ({ state: "live" }) as StatusView,
  history: async (since) => {
    asked.push(since);
    return [];
  },
  decisions: async (page) => {
    asked.push(page);
    return { partitions: 1, next: page.since, decisions: [] };
  },
  explain: async (ask) => {
    asked.push(ask);
    return { kind: "bad" } as Explained;
  },
  apply: async (change: ApplyRequest) => {
    if ("no.such" in change.set) throw new LimenError("input", "no.such: no key");
    return { tableDigest: "00", serial: 1, changed: true, note: JSON.stringify(change) };
  },
  turn: async (state, by) => ({
    tableDigest: "00",
    serial: 2,
    changed: true,
    note: `${state} ${by}`,
  }),
  labels: async (body) => {
    asked.push(body);
    return { labels: [{ answer: "waiting" }], totals: { waiting: 1 } };
  },
};

let api: ApiServer;
beforeAll(async () => {
  api = await startApi(service, "127.0.0.1:0");
});
afterAll(() => api.close());

type Answer = { status: number; body: string };
function call(
  method: string,
  path: string,
  headers: Record<string, string>,
  body = "",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { port: api.port, host: "127.0.0.1", method, path, headers },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
const json = { "content-type": "application/json" };

describe("startApi", () => {
  it("answers the status as JSON", async () => {
    expect(await call("GET", "/v1/status", {})).toEqual({ status: 200, body: '{"state":"live"}' });
  });

  it("hands the numbers of the query to the service", async () => {
    await call("GET", "/v1/history?since=7", {});
    expect(asked.at(-1)).toBe(7);
  });

  it("caps a page of decisions", async () => {
    await call("GET", "/v1/decisions?since=1&max=1000000", {});
    expect(asked.at(-1)).toEqual({ partition: 0, since: 1, max: 5000 });
  });

  it("refuses a number that is none", async () => {
    expect((await call("GET", "/v1/history?since=x", {})).status).toBe(400);
  });

  it("hands what is to be explained to the service", async () => {
    await call("GET", "/v1/explain?id=one%20two", {});
    expect(asked.at(-1)).toEqual({ kind: "id", id: "one two" });
  });

  it("hands a request to be explained to the service", async () => {
    const body = '{"method":"GET","path":"/","headers":[["accept","*/*"]]}';
    await call("POST", "/v1/explain", json, body);
    expect(asked.at(-1)).toEqual({ kind: "request", ...JSON.parse(body) });
  });

  it("answers 404 for a path it does not know", async () => {
    expect((await call("GET", "/v2/status", {})).status).toBe(404);
  });

  it("refuses another host name, as a page on another site would send", async () => {
    expect((await call("GET", "/v1/status", { host: "evil.example" })).status).toBe(409);
  });

  it("refuses a body that a plain HTML form can send", async () => {
    const answer = await call("POST", "/v1/off", { "content-type": "text/plain" }, "{}");
    expect([answer.status, answer.body]).toEqual([400, expect.stringContaining("content-type")]);
  });

  it("refuses an unknown key in the body with the nearest known one", async () => {
    const answer = await call("POST", "/v1/apply", json, '{"sett":{}}');
    expect(answer.body).toMatch(/unknown key sett.*set/);
  });

  it("refuses a body that is not JSON", async () => {
    expect((await call("POST", "/v1/on", json, "{")).body).toContain("not JSON");
  });

  it("reads a body of 1 MiB and refuses one byte more", async () => {
    const pad = (bytes: number) => `{"set":{},"by":"a"${" ".repeat(bytes - 19)}}`;
    const sizes = [1024 * 1024, 1024 * 1024 + 1];
    const answers = await Promise.all(
      sizes.map((size) => call("POST", "/v1/apply", json, pad(size))),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
  });

  it("passes the service's own error on, with its code", async () => {
    const answer = await call("POST", "/v1/apply", json, '{"set":{"no.such":1}}');
    expect(JSON.parse(answer.body).error).toEqual({ code: "input", message: "no.such: no key" });
  });

  describe("when the event log does not answer", () => {
    const never = (): Promise<never> => new Promise(() => undefined);
    const stuck: ServiceFace = { ...service, history: never, apply: never, turn: never };
    const askStuck = async (path: string, body?: string): Promise<Answer> => {
      const late = await startApi(stuck, "127.0.0.1:0", { log: "kafka://b:9092", answerMs: 30 });
      const post = { method: "POST", headers: json, body: body ?? "" };
      const url = `http://127.0.0.1:${late.port}${path}`;
      const reply = await fetch(url, body === undefined ? {} : post);
      await late.close();
      return { status: reply.status, body: JSON.parse(await reply.text()).error.message };
    };
    const seen = "the event log kafka://b:9092 gave no answer within 0.03 s";

    it.each([
      ["off", "/v1/off", "{}"],
      ["on", "/v1/on", "{}"],
      ["apply", "/v1/apply", '{"set":{}}'],
    ])("says so of %s, and that it may be done all the same", async (what, path, body) => {
      const answer = await askStuck(path, body);
      expect(answer).toMatchObject({ status: 503, body: expect.stringMatching("limen status") });
      expect(answer.body).toContain(`${what}: ${seen}`);
    });

    const reading: readonly [string, string, string | undefined][] = [
      ["history", "/v1/history", undefined],
      ["apply", "/v1/apply", '{"set":{},"dryRun":true}'],
    ];
    it.each(reading)(
      "says so of %s that changes nothing, and to try again",
      async (what, path, body) => {
        const answer = await askStuck(path, body);
        expect(answer.status).toBe(503);
        expect(answer.body).toMatch(new RegExp(`^${what}: ${seen}; see [^;"]+ and try again$`));
      },
    );
  });

  it("says which address is taken", async () => {
    await expect(startApi(service, `127.0.0.1:${api.port}`)).rejects.toThrow(
      /listen\.http.*EADDRINUSE/,
    );
  });
});
