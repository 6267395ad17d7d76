import { request as plainRequest } from "node:http";
import { request } from "node:https";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ApiServer, startApi } from "../../../control/api/server.ts";
import type { ServiceFace } from "../../../control/api/views.ts";
import { type Auth, openAuth } from "../../../control/auth/auth.ts";
import { createAuthority, issueWorkload, type Pem } from "../../support/certificates.ts";
import { waitFor } from "../../support/envoy.ts";
import {
  AWAY,
  allow,
  type Ground,
  setGround,
  tokenOf,
  writeTokens,
} from "../../support/identity.ts";

const calls: string[] = [];
const note = async (text: string): Promise<never> => {
  calls.push(text);
  return {} as never;
};
const service: ServiceFace = {
  status: () => ({ state: "live" }) as never,
  history: async () => [],
  decisions: async () => ({ next: 0, decisions: [] }) as never,
  explain: () => note("explain"),
  apply: ({ by }) => note(`apply ${by}`),
  turn: (state, by) => note(`${state} ${by}`),
  labels: (_, by) => note(`labels ${by}`),
};

let ground: Ground;
let auth: Auth;
let api: ApiServer;
const said: string[] = [];
beforeAll(async () => {
  ground = await setGround();
  const entries = [
    allow("spiffe://cluster.local/ns/ops/*", "operator"),
    allow("spiffe://cluster.local/ns/shop/*", "proxy"),
  ];
  const tokens = writeTokens(ground.folder, ["labeler", "reader", "operator"]);
  auth = openAuth(ground.settings({ tokens, allow: entries }), (line) => said.push(line));
  api = await startApi(service, `${AWAY}:0`, { auth });
});
afterAll(async () => {
  await api.close();
  auth.close();
  ground.strike();
});
beforeEach(() => calls.splice(0));

type Answer = { status: number; body: string; challenge: string | undefined };
type Call = { token?: string; authorization?: string; pem?: Pem; host?: string; body?: string };

const BODIES: Readonly<Record<string, string>> = {
  "POST /v1/apply": '{"set":{},"by":"mallory"}',
  "POST /v1/explain": '{"method":"GET","path":"/","headers":[]}',
};

function call(method: string, path: string, how: Call = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const authorization = how.authorization ?? (how.token ? `Bearer ${how.token}` : undefined);
  const sent = request(
    {
      host: AWAY,
      port: api.port,
      method,
      path,
      agent: false,
      ca: ground.authority.certificate,
      ...(how.pem ? { cert: how.pem.certificate, key: how.pem.key } : {}),
      headers: {
        "content-type": "application/json",
        ...(how.host ? { host: how.host } : {}),
        ...(authorization ? { authorization } : {}),
      },
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => {
        const { statusCode = 0, headers } = response;
        const body = Buffer.concat(chunks).toString();
        resolve({ status: statusCode, body, challenge: headers["www-authenticate"] });
      });
    },
  );
  sent.on("error", reject);
  sent.end(how.body ?? (method === "POST" ? (BODIES[`${method} ${path}`] ?? "{}") : undefined));
  return promise;
}

// The table of control/auth/README.md, by hand.
const PATHS: readonly [method: string, path: string, roles: string[]][] = [
  ["GET", "/v1/status", ["reader", "operator"]],
  ["GET", "/v1/history", ["reader", "operator"]],
  ["GET", "/v1/decisions", ["reader", "operator"]],
  ["GET", "/v1/explain?id=a", ["reader", "operator"]],
  ["POST", "/v1/explain", ["reader", "operator"]],
  ["POST", "/v1/labels", ["labeler", "operator"]],
  ["POST", "/v1/apply", ["operator"]],
  ["POST", "/v1/off", ["operator"]],
  ["POST", "/v1/on", ["operator"]],
];

describe("startApi off loopback", () => {
  it.each(PATHS)("answers %s %s to %j and 403 to others", async (method, path, roles) => {
    const all = ["labeler", "reader", "operator"];
    const answers = await Promise.all(
      all.map((role) => call(method, path, { token: tokenOf(role) })),
    );
    const expected = all.map((role) => (roles.includes(role) ? 200 : 403));
    expect(answers.map(({ status }) => status)).toEqual(expected);
  });

  it.each(PATHS)("answers 401 for %s %s without a credential", async (method, path) => {
    const answer = await call(method, path);
    expect([answer.status, answer.challenge, calls]).toEqual([401, "Bearer", []]);
    expect(JSON.parse(answer.body).error).toEqual({
      code: "refused",
      message: expect.stringMatching(/send authorization: Bearer TOKEN/),
    });
  });

  it("says nothing of which paths there are to a stranger", async () => {
    expect((await call("GET", "/v9/none")).status).toBe(401);
  });

  it.each([
    ["an unknown token", { token: tokenOf("nobody") }],
    ["another scheme", { authorization: `Basic ${tokenOf("operator")}` }],
    ["no token after the scheme", { authorization: "Bearer " }],
    ["two tokens", { authorization: `Bearer ${tokenOf("operator")} ${tokenOf("reader")}` }],
  ])("answers 401 to %s, and repeats none of it", async (_, how) => {
    const answer = await call("POST", "/v1/off", how);
    expect([answer.status, calls]).toEqual([401, []]);
    expect([answer.body, ...said].join()).not.toContain(tokenOf("nobody"));
  });

  it("takes the scheme in any case, as RFC 9110 has it", async () => {
    const authorization = `bearer ${tokenOf("reader")}`;
    expect((await call("GET", "/v1/status", { authorization })).status).toBe(200);
  });

  it("says who is not what a path needs", async () => {
    const { body } = await call("POST", "/v1/off", { token: tokenOf("reader") });
    expect(JSON.parse(body).error.message).toBe("reader-1 is no operator, as POST /v1/off needs");
  });

  it("names a token in history, whatever the body says", async () => {
    await call("POST", "/v1/apply", { token: tokenOf("operator") });
    await call("POST", "/v1/off", { token: tokenOf("operator"), body: '{"by":"mallory"}' });
    await call("POST", "/v1/labels", { token: tokenOf("labeler") });
    expect(calls).toEqual(["apply operator-1", "off operator-1", "labels labeler-1"]);
  });

  it("takes a workload's certificate and names it", async () => {
    const pem = await issueWorkload(ground.authority, "ops", "ann");
    await call("POST", "/v1/off", { pem });
    expect(calls).toEqual(["off spiffe://cluster.local/ns/ops/sa/ann"]);
  });

  it("lets a proxy read nothing", async () => {
    const pem = await issueWorkload(ground.authority, "shop", "web");
    expect((await call("GET", "/v1/status", { pem })).status).toBe(403);
  });

  it("takes a certificate of another authority for none", async () => {
    const pem = await issueWorkload(await createAuthority(), "ops", "ann");
    expect((await call("POST", "/v1/off", { pem })).status).toBe(401);
  });

  it("goes by the token where both are shown", async () => {
    const pem = await issueWorkload(ground.authority, "ops", "ann");
    expect((await call("POST", "/v1/off", { pem, token: tokenOf("reader") })).status).toBe(403);
  });

  it("answers to any host name", async () => {
    const how = { token: tokenOf("reader"), host: "limen.test" };
    expect((await call("GET", "/v1/status", how)).status).toBe(200);
  });

  it("speaks no plaintext", async () => {
    const plain = new Promise((_, reject) => {
      plainRequest({ host: AWAY, port: api.port, path: "/v1/status" }).on("error", reject).end();
    });
    await expect(plain).rejects.toThrow();
  });

  it("counts what it refuses", async () => {
    const before = auth.refused();
    await call("GET", "/v1/status");
    await call("POST", "/v1/off", { token: tokenOf("reader") });
    expect(auth.refused()).toEqual({
      ...before,
      credential: before.credential + 1,
      forbidden: before.forbidden + 1,
    });
  });

  it("takes new tokens when the file changes, and the old ones no more", async () => {
    writeTokens(ground.folder, ["reader"]);
    const answers = await Promise.all(
      ["reader", "operator"].map((role) => call("GET", "/v1/status", { token: tokenOf(role) })),
    );
    writeTokens(ground.folder, ["labeler", "reader", "operator"]);
    expect(answers.map(({ status }) => status)).toEqual([200, 401]);
  });

  it("serves a new certificate when the files change", async () => {
    const next = await createAuthority("next");
    await ground.rotateServer(next, ground.authority.certificate);
    const look = async () => {
      const answer = await call("GET", "/v1/status", { token: tokenOf("reader") }).catch(
        () => null,
      );
      return answer === null ? true : null;
    };
    // Whoever trusts the old authority only no longer gets through.
    expect(await waitFor("the new certificate", look, 10_000)).toBe(true);
    await ground.rotateServer();
  });
});

describe("startApi", () => {
  it("refuses an address off loopback without auth", async () => {
    await expect(startApi(service, `${AWAY}:0`)).rejects.toThrow(/listen\.http.*add auth/);
  });

  it("goes by the token on loopback too, when there is one", async () => {
    const tokens = writeTokens(ground.folder, ["labeler", "reader", "operator"]);
    const own = openAuth(ground.settings({ tls: null, allow: [], tokens }), () => {});
    const local = await startApi(service, "127.0.0.1:0", { auth: own });
    const post = (headers: Record<string, string>, body: string) =>
      fetch(`http://127.0.0.1:${local.port}/v1/off`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
      });
    const statuses = [
      (await post({}, '{"by":"ann"}')).status,
      (await post({}, "{}")).status,
      (await post({ authorization: `Bearer ${tokenOf("operator")}` }, '{"by":"ann"}')).status,
      (await post({ authorization: `Bearer ${tokenOf("reader")}` }, "{}")).status,
      (await post({ authorization: `Bearer ${tokenOf("nobody")}` }, "{}")).status,
    ];
    await local.close();
    expect(statuses).toEqual([200, 200, 200, 403, 401]);
    expect(calls).toEqual(["off ann via loopback", "off loopback", "off operator-1"]);
  });
});
