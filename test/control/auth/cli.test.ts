import { execFile } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServer, startApi } from "../../../control/api/server.ts";
import type { ServiceFace } from "../../../control/api/views.ts";
import { type Auth, openAuth } from "../../../control/auth/auth.ts";
import { createAuthority } from "../../support/certificates.ts";
import { AWAY, type Ground, setGround, tokenOf, writeTokens } from "../../support/identity.ts";

const LIMEN = join(import.meta.dirname, "../../../control/cli/limen.js");
const calls: string[] = [];
const face: Pick<ServiceFace, "turn"> = {
  turn: async (state, by) => {
    calls.push(`${state} ${by}`);
    return { tableDigest: "00", serial: 1, changed: true, note: state };
  },
};

let ground: Ground;
let auth: Auth;
let api: ApiServer;
beforeAll(async () => {
  ground = await setGround();
  const tokens = writeTokens(ground.folder, ["reader", "operator"]);
  auth = openAuth(ground.settings({ tokens }), () => {});
  api = await startApi(face as ServiceFace, `${AWAY}:0`, { auth });
});
afterAll(async () => {
  await api.close();
  auth.close();
  ground.strike();
});

function put(name: string, text: string, mode = 0o600): string {
  const file = join(ground.folder, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

type Outcome = { code: number; err: string };
function off(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const env = { ...process.env, LIMEN_SERVER: `https://${AWAY}:${api.port}`, ...more };
  return new Promise((resolve) => {
    execFile(process.execPath, [LIMEN, "off", ...args], { env }, (error, _, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, err: stderr.trim() }),
    );
  });
}

describe("limen with a service that wants to know who calls", () => {
  it("is let in by --token-file and --ca", async () => {
    const file = put("token", `${tokenOf("operator")}\n`);
    const ran = await off(["--token-file", file, "--ca", ground.server.ca]);
    expect([ran, calls.splice(0)]).toEqual([{ code: 0, err: "" }, ["off operator-1"]]);
  });

  it("takes the token file from LIMEN_TOKEN_FILE", async () => {
    const file = put("token", tokenOf("operator"));
    const ran = await off([`--ca=${ground.server.ca}`], { LIMEN_TOKEN_FILE: file });
    expect([ran.code, calls.splice(0)]).toEqual([0, ["off operator-1"]]);
  });

  it.each<[string, () => string[] | Promise<string[]>, RegExp]>([
    ["without a token", () => ["--ca", ground.server.ca], /who calls is not known/],
    [
      "with a reader's token",
      () => ["--ca", ground.server.ca, "--token-file", put("reader", tokenOf("reader"))],
      /reader-1 is no operator/,
    ],
    ["without --ca", () => [], /certificate of https.* is not believed.*--ca/],
    [
      "with another authority",
      async () => ["--ca", put("other.crt", (await createAuthority()).certificate)],
      /is not believed/,
    ],
    ["with a --ca that is none", () => ["--ca", put("no.crt", "x")], /no certificate in PEM/],
    ["with a --ca that is not there", () => ["--ca", "/nonexistent"], /cannot be read/],
    [
      "with a token file that others read",
      () => ["--token-file", put("open", tokenOf("operator"), 0o644)],
      /others can reach it/,
    ],
    ["with an empty token file", () => ["--token-file", put("empty", "\n")], /no token/],
  ])("fails in one line %s, and repeats no token", async (_, makeArgs, message) => {
    const { code, err } = await off(await makeArgs());
    expect([code, calls]).toEqual([1, []]);
    expect(err).toMatch(message);
    expect(err.split("\n")).toHaveLength(1);
    expect(err).not.toMatch(/0123456789/);
  });
});
