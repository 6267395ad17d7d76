import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseSecret, readKey, signMessage } from "../../../control/notify/sign.ts";

const folder = mkdtempSync(join(tmpdir(), "limen-sign-"));
afterAll(() => rmSync(folder, { recursive: true }));

const secretOf = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 7).toString("base64")}`;

describe("signMessage", () => {
  it("gives the signature that the libraries of Standard Webhooks are tested with", () => {
    const key = parseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") ?? Buffer.alloc(0);
    const body = '{"test": 2432232314}';
    expect(signMessage(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)).toBe(
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    );
  });
});

describe("parseSecret", () => {
  it.each([24, 64])("takes a key of %d bytes", (bytes) => {
    expect(parseSecret(secretOf(bytes))).toHaveLength(bytes);
  });

  it.each([0, 23, 65])("refuses a key of %d bytes", (bytes) => {
    expect(parseSecret(secretOf(bytes))).toBeNull();
  });

  it("takes the newline an editor leaves at the end", () => {
    expect(parseSecret(`${secretOf(32)}\n`)).toHaveLength(32);
  });

  it("takes base64 without its padding", () => {
    expect(parseSecret(secretOf(32).replace(/=+$/, ""))).toHaveLength(32);
  });

  it.each([
    ["without whsec_", secretOf(32).slice(6)],
    ["with a character that is no base64", secretOf(32).replace("B", "!")],
    ["with a second line", `${secretOf(32)}\n${secretOf(32)}`],
  ])("refuses a secret %s", (_, text) => {
    expect(parseSecret(text)).toBeNull();
  });
});

describe("readKey", () => {
  it("names a file that is missing and says how to write it", () => {
    const file = join(folder, "missing.key");
    expect(() => readKey(file)).toThrow(
      `notify: secret ${file}: cannot be read (ENOENT); write it: echo "whsec`,
    );
  });

  it("names a file that holds no secret", () => {
    const file = join(folder, "plain.key");
    writeFileSync(file, "hunter2\n", { mode: 0o600 });
    expect(() => readKey(file)).toThrow(`notify: secret ${file}: not one line, whsec_`);
  });

  it("refuses a file that others reach, and says how to close it", () => {
    const file = join(folder, "open.key");
    writeFileSync(file, secretOf(32));
    chmodSync(file, 0o604);
    expect(() => readKey(file)).toThrow(
      `notify: secret ${file}: others can reach it; run "chmod o= ${file}"`,
    );
  });

  it("takes a file that owner and group reach", () => {
    const file = join(folder, "group.key");
    writeFileSync(file, secretOf(32));
    chmodSync(file, 0o640);
    expect(readKey(file)).toHaveLength(32);
  });

  it("never says what a refused file holds", () => {
    const file = join(folder, "plain.key");
    writeFileSync(file, "hunter2\n", { mode: 0o600 });
    expect(() => readKey(file)).not.toThrow(/hunter2/);
  });
});
