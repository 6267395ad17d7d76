import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readSecret } from "../../../control/auth/secret.ts";

const folder = mkdtempSync(join(tmpdir(), "limen-secret-"));
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, mode: number): string {
  const file = join(folder, name);
  writeFileSync(file, "sesame\n");
  chmodSync(file, mode);
  return file;
}

describe("readSecret", () => {
  it.each([0o600, 0o640, 0o440])("gives the text of a file of mode %o", (mode) => {
    expect(readSecret(written(`kept-${mode}`, mode))).toBe("sesame\n");
  });

  it.each([0o604, 0o602, 0o601])("refuses a file of mode %o, without its text", (mode) => {
    const file = written(`open-${mode}`, mode);
    expect(() => readSecret(file)).toThrow(`${file}: others can reach it; run "chmod o= ${file}"`);
  });

  it("says why a file cannot be read, and what to do", () => {
    const file = join(folder, "none");
    expect(() => readSecret(file)).toThrow(
      `${file}: cannot be read (ENOENT); name a file that is there`,
    );
  });

  it("says the same of a folder", () => {
    const file = join(folder, "folder");
    mkdirSync(file, { mode: 0o700 });
    expect(() => readSecret(file)).toThrow(`${file}: cannot be read (EISDIR)`);
  });

  it("begins with what it is for, and asks for what that takes", () => {
    const file = join(folder, "none");
    expect(() => readSecret(file, "notify: secret", "write one")).toThrow(
      `notify: secret ${file}: cannot be read (ENOENT); write one`,
    );
  });
});
