import { describe, expect, it } from "vitest";
import { openRandom } from "../../../control/demo/random.ts";
import { openTruths } from "../../../control/demo/truth.ts";

const COUNT = 4_000;
const IDS = Array.from({ length: COUNT }, (_, index) => `id-${index}`);

function labelsOf(missing: number, noise: number, bot: boolean): (string | null)[] {
  const truths = openTruths(openRandom(3), { missing, noise });
  for (const id of IDS) truths.note(id, bot);
  return IDS.map((id) => truths.take(id));
}
/** Five standard errors: fails by chance about once in a million runs of other seeds. */
const NEAR = 5 * Math.sqrt(0.25 / COUNT);

describe("openTruths", () => {
  it("labels a bot 1 and anybody else 0", () => {
    expect(new Set(labelsOf(0, 0, true))).toEqual(new Set(["1"]));
    expect(new Set(labelsOf(0, 0, false))).toEqual(new Set(["0"]));
  });

  it("knows nothing of a request it was not told of", () => {
    expect(openTruths(openRandom(1), { missing: 0, noise: 0 }).take("x")).toBeNull();
  });

  it("gives each label once, so that it does not grow", () => {
    const truths = openTruths(openRandom(1), { missing: 0, noise: 0 });
    truths.note("x", true);
    expect([truths.take("x"), truths.take("x")]).toEqual(["1", null]);
  });

  it("leaves out the share it is asked to", () => {
    const absent = labelsOf(0.4, 0, true).filter((label) => label === null).length;
    expect(Math.abs(absent / COUNT - 0.4)).toBeLessThan(NEAR);
  });

  it("turns the share it is asked to", () => {
    const wrong = labelsOf(0, 0.3, false).filter((label) => label === "1").length;
    expect(Math.abs(wrong / COUNT - 0.3)).toBeLessThan(NEAR);
  });
});
