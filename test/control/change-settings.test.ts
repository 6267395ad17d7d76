import { describe, expect, it } from "vitest";
import { changeSettings } from "../../control/change-settings.ts";
import { checkModelSettings } from "../../control/settings.ts";

const known = [{ model: "bot", tags: ["bot"], segments: ["rest", "checkout"] }];
const two = [{ model: "bot", tags: ["suspect", "bot"], segments: ["rest"] }];
const before = [checkModelSettings({ bot: { objective: "alert:0.05" } }, "test")];

describe("changeSettings", () => {
  it("sets the mode of a whole model", () => {
    expect(changeSettings(before, known, { "bot.mode": "tag" })[0]?.mode).toBe("tag");
  });

  it("sets the mode of one segment and leaves the model's", () => {
    const [after] = changeSettings(before, known, { "bot/checkout.mode": "off" });
    expect([after?.mode, after?.segments["checkout"]?.mode]).toEqual(["shadow", "off"]);
  });

  it("ends learning for a tag whose cut is set by hand", () => {
    const [after] = changeSettings(before, known, { "bot.cut": "0.61" });
    expect(after?.["bot"]).toEqual({ cut: 0.61, objective: "none" });
  });

  it("ends a cut by hand when an objective is set", () => {
    const byHand = changeSettings(before, known, { "bot.bot.cut": "bin:2490" });
    const [after] = changeSettings(byHand, known, { "bot.bot.objective": "alert:0.02" });
    expect(after?.["bot"]).toEqual({ objective: "alert:0.02" });
  });

  it("changes nothing of what it was given", () => {
    const copy = structuredClone(before);
    changeSettings(before, known, { "bot/checkout.cut": 0.5, "bot.audit": 0.1 });
    expect(before).toEqual(copy);
  });

  const refused: readonly [string, typeof known, Record<string, string>, RegExp][] = [
    ["an unknown model", known, { "bat.mode": "tag" }, /no model "bat"; the nearest is "bot"/],
    ["an unknown segment", known, { "bot/chekout.mode": "tag" }, /nearest is "checkout"/],
    ["an unknown key", known, { "bot.moed": "tag" }, /no key "moed"; the nearest is "mode"/],
    ["an unknown tag", two, { "bot.bat.cut": "0.5" }, /no tag "bat"/],
    [
      "a cut without a tag where there are two",
      two,
      { "bot.cut": "0.5" },
      /say which tag: suspect, bot/,
    ],
    ["audit of one segment", known, { "bot/checkout.audit": "0.5" }, /belongs to the model/],
    ["a cut above 1", known, { "bot.cut": "1.5" }, /a score from 0 to 1/],
    ["a mode nobody has", known, { "bot.mode": "on" }, /bot\.mode/],
  ];
  it.each(refused)("refuses %s", (_, names, changes, message) => {
    expect(() => changeSettings(before, names, changes)).toThrow(message);
  });
});
