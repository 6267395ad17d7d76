import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createNotifier } from "../../../control/notify/notifier.ts";
import { inTurn, type Received, startReceiver } from "./receiver.ts";

type Verify = (
  headers: Received["headers"],
  body: Buffer,
  secret: string,
  nowS?: number,
) => boolean;

const NOW_S = 1_772_600_000;
const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}\n`;
const folder = mkdtempSync(join(tmpdir(), "limen-readme-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The function as the page prints it, and a request as it came over the wire. */
let verify: Verify;
let request: Received;

beforeAll(async () => {
  const page = readFileSync(new URL("../../../control/notify/README.md", import.meta.url), "utf8");
  const code = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  const file = join(folder, "verify.mjs");
  writeFileSync(file, code);
  verify = (await import(pathToFileURL(file).href)).verifyWebhook as Verify;

  const secret = join(folder, "hook.key");
  writeFileSync(secret, SECRET, { mode: 0o600 });
  const receiver = await startReceiver(inTurn(204));
  const notifier = createNotifier({
    hooks: [{ url: receiver.url, on: ["alarm"], secret }],
    now: () => NOW_S * 1_000 + 999,
    say: () => {},
  });
  notifier.notify({ what: "alarm", at: NOW_S * 1_000, model: "bot", why: "Ünïcode — “quoted”" });
  await vi.waitFor(() => expect(receiver.received).toHaveLength(1));
  await notifier.close();
  await receiver.close();
  request = receiver.received[0] as Received;
});

const check = (
  other: Partial<Received["headers"]> = {},
  { body = request.body, secret = SECRET, nowS = NOW_S } = {},
): boolean => verify({ ...request.headers, ...other }, Buffer.from(body), secret, nowS);

describe("verifyWebhook of control/notify/README.md", () => {
  it("takes a message of ours", () => {
    expect(check()).toBe(true);
  });

  it("takes it among signatures by other keys", () => {
    const own = request.headers["webhook-signature"];
    const other = `v1,${Buffer.alloc(32).toString("base64")}`;
    expect(check({ "webhook-signature": `${other} ${own}` })).toBe(true);
  });

  it("refuses a body with one character more", () => {
    expect(check({}, { body: `${request.body} ` })).toBe(false);
  });

  it("refuses another id", () => {
    expect(check({ "webhook-id": "msg_other" })).toBe(false);
  });

  it("refuses another time of sending", () => {
    expect(check({ "webhook-timestamp": String(NOW_S + 1) })).toBe(false);
  });

  it("refuses another secret", () => {
    const secret = `whsec_${Buffer.alloc(32, 6).toString("base64")}`;
    expect(check({}, { secret })).toBe(false);
  });

  it.each(["webhook-id", "webhook-timestamp", "webhook-signature"])(
    "refuses one without %s",
    (name) => {
      const { [name]: _, ...headers } = request.headers;
      expect(verify(headers, Buffer.from(request.body), SECRET, NOW_S)).toBe(false);
    },
  );

  it("takes a message of 300 seconds ago", () => {
    expect(check({}, { nowS: NOW_S + 300 })).toBe(true);
  });

  it("refuses a message of 301 seconds ago", () => {
    expect(check({}, { nowS: NOW_S + 301 })).toBe(false);
  });
});
