import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { buildSettingsSchema, parseSettings, readSettings } from "../../control/settings.ts";

const parse = (extra: Record<string, unknown>) =>
  parseSettings({ limen: 1, models: ["models/bot"], ...extra }, "limen.yaml", "/etc/limen");

const hookWith = (other: Record<string, unknown>) => ({
  notify: [{ url: "https://hooks.example/limen", on: ["alarm"], ...other }],
});
const hooks = (count: number): unknown[] => Array(count).fill(hookWith({}).notify[0]);

describe("parseSettings", () => {
  it("gives every default a line, so that nobody runs on a value unseen", () => {
    const { defaults } = parse({});
    expect(defaults.map((line) => line.split(":")[0])).toEqual(["log", "listen", "ttl", "bot"]);
  });

  it("prints no line for a value the file gives", () => {
    expect(parse({ ttl: "2h" }).defaults.some((line) => line.startsWith("ttl"))).toBe(false);
  });

  it("starts a model without settings in shadow", () => {
    expect(parse({}).models[0]?.settings).toEqual({ mode: "shadow", audit: 0.02, segments: {} });
  });

  const missing: readonly [unknown, RegExp][] = [
    [{ models: ["m"] }, /limen: begin with "limen: 1"/],
    [{ limen: 1 }, /models: a list of folders/],
    [null, /limen\.yaml/],
    [
      { limen: 1, models: ["m"], auth: { tls: { certificate: "c" } } },
      /auth\.tls\.key: is missing; give it \(string\)/,
    ],
  ];
  it.each(missing)("says of %j which key is missing", (value, wanted) => {
    expect(() => parseSettings(value, "limen.yaml", "/")).toThrow(wanted);
  });

  it("resolves files against the folder of limen.yaml", () => {
    const settings = parse({ log: "sqlite:./a.db" });
    expect([settings.log, settings.models[0]?.folder]).toEqual([
      { kind: "sqlite", file: "/etc/limen/a.db" },
      "/etc/limen/models/bot",
    ]);
  });

  it("reads durations and sizes with their units", () => {
    const { ttlMs, keep } = parse({ ttl: "90s", keep: { decisions: "2d", disk: "1.5GiB" } });
    expect([ttlMs, keep.decisionsMs, keep.diskBytes]).toEqual([90_000, 172_800_000, 1_610_612_736]);
  });

  it("turns the dead-man's switch off only when told so in words", () => {
    expect(parse({ ttl: "off" }).ttlMs).toBe(0);
  });

  it("reads the words on and off of a hook as words, and its secret against the folder", () => {
    const folder = mkdtempSync(join(tmpdir(), "limen-settings-"));
    const hook = "{ url: https://hooks.example/limen, on: [alarm, off, on], secret: ./hook.key }";
    writeFileSync(
      join(folder, "limen.yaml"),
      `limen: 1\nmodels: [models/bot]\nnotify: [${hook}]\n`,
    );
    expect(readSettings("limen.yaml", folder).notify).toEqual([
      {
        url: "https://hooks.example/limen",
        on: ["alarm", "off", "on"],
        secret: join(folder, "hook.key"),
      },
    ]);
    rmSync(folder, { recursive: true });
  });

  it("takes 8 hooks", () => {
    expect(parse({ notify: hooks(8) }).notify).toHaveLength(8);
  });

  const refused: readonly [string, Record<string, unknown>, RegExp][] = [
    [
      "an unknown top key",
      { lissten: {} },
      /unknown key lissten; the nearest known key is "listen"/,
    ],
    ["an unknown key below", { listen: { xdss: "a" } }, /unknown key listen\.xdss.*"xds"/],
    ["an unknown key of a model", { bot: { mod: "tag" } }, /bot\.mod.*"mode"/],
    ["a key of a later version", { policy: "a.rego" }, /policy is not in this version/],
    [
      "a key of a later version in a tag",
      { bot: { bot: { objective: "alert:0.1", floor: 0.9 } } },
      /bot\.bot\.floor is not in this version/,
    ],
    ["a listener off loopback", { listen: { xds: "0.0.0.0:18000" } }, /listen\.xds.*refused/],
    ["another event log", { log: "nats://b1:4222" }, /log: "sqlite:FILE" or "kafka:/],
    ["a duration without a unit", { ttl: "10" }, /ttl: .*duration/],
    ["a share above 1", { bot: { audit: 1.5 } }, /bot\.audit/],
    ["9 hooks", { notify: hooks(9) }, /notify: at most 8 hooks/],
    ["a hook without a whole URL", hookWith({ url: "hooks.example" }), /notify\.0\.url: not a URL/],
    [
      "a hook of another protocol",
      hookWith({ url: "file:///etc/passwd" }),
      /url: file is no proto/,
    ],
    ["a password in a hook's URL", hookWith({ url: "https://a:b@hooks.example" }), /give "secret"/],
    ["a hook that asks for nothing", hookWith({ on: [] }), /notify\.0\.on: at least one of alarm/],
    [
      "a hook that asks for an unknown event",
      hookWith({ on: ["alert"] }),
      /notify\.0\.on\.0.*alarm/,
    ],
    ["an unknown key of a hook", hookWith({ secrets: "a" }), /notify\.0\.secrets.*"secret"/],
    ["both ways to match segments", { segments: { prefix: {}, equals: {} } }, /not both/],
  ];
  it.each(refused)("refuses %s in one line", (_, extra, message) => {
    expect(() => parse(extra)).toThrow(message);
  });

  it("names a file that is not there", () => {
    expect(() => readSettings("/nonexistent/limen.yaml", "/")).toThrow(/no such file/);
  });

  it.each([
    ["of 0 bytes", "", "no key in it"],
    ["with nothing but a comment", "# limen: 1\n", "no key in it"],
    ["with an empty document", "---\n...\n", "no key in it"],
    ["with a list", "- limen: 1\n", "no keys with values"],
    ["with a word", "limen\n", "no keys with values"],
  ])("says of a file %s how one begins", (_, text, seen) => {
    const folder = mkdtempSync(join(tmpdir(), "limen-settings-"));
    writeFileSync(join(folder, "limen.yaml"), text);
    const message = (() => {
      try {
        readSettings("limen.yaml", folder);
        return "";
      } catch (thrown) {
        return (thrown as Error).message;
      } finally {
        rmSync(folder, { recursive: true });
      }
    })();
    expect(message).toBe(
      `${folder}/limen.yaml: ${seen}; begin with "limen: 1" and "models: [models/bot]", or run without -f`,
    );
  });
});

describe("readSettings without a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "limen-settings-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const own = join(folder, "models", "bot");

  it("takes the model that comes with limen, and says so, where there is no models/bot", () => {
    const { models, defaults } = readSettings(null, folder);
    expect(models[0]?.folder).toBe(join(import.meta.dirname, "../../models/bot"));
    expect(defaults[0]).toBe(
      `models: ${models[0]?.folder} (it comes with limen; there is no models/bot in ${folder})`,
    );
  });

  it("takes models/bot of the folder where there is one", () => {
    mkdirSync(own, { recursive: true });
    const { models, defaults } = readSettings(null, folder);
    expect([models[0]?.folder, defaults[0]]).toEqual([own, `log: sqlite:${folder}/limen.db`]);
  });
});

describe("control/limen.schema.json", () => {
  it("is what npm run schemas writes", () => {
    const path = new URL("../../control/limen.schema.json", import.meta.url);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(buildSettingsSchema());
  });
});
