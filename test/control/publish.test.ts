import { describe, expect, it } from "vitest";
import type { LoadedModel } from "../../control/desired.ts";
import { openHistory } from "../../control/history/history.ts";
import { type Built, createPublisher, type Wish } from "../../control/publish.ts";
import { checkModelSettings, parseSettings } from "../../control/settings.ts";
import { aModel } from "../support/builders.ts";
import { createMemoryLog } from "../support/memory-log.ts";

const settings = parseSettings(
  { limen: 1, models: ["models/bot"], segments: { prefix: { "/login": "login" } } },
  null,
  "/",
);
const {
  name: _name,
  tags,
  modes: _modes,
  cuts: _cuts,
  ...score
} = aModel({ output: "logistic", lo: -8, hi: 8 });
const model: LoadedModel = {
  name: "bot",
  score,
  features: [{ name: "score", of: "header:x-score", is: "number" }],
  digest: "00",
  tags,
  tagNames: ["bot"],
  bounds: { bot: [0.4, 1] },
  presets: { cuts: {}, objective: "alert:0.05" },
};
const shadow = checkModelSettings({}, "test");
const aWish = (parts: Partial<Wish> = {}): Wish => ({
  own: [shadow],
  learned: {},
  by: "test",
  why: "a reason",
  lane: "direct",
  ...parts,
});

async function aPublisher(log = createMemoryLog()) {
  const history = await openHistory(log);
  const sent: { built: Built; kind: string }[] = [];
  const publisher = createPublisher({
    settings,
    models: [model],
    history,
    validate: () => 0,
    counts: () => ({ bot: { rest: new Array(4096).fill(1) } }),
    send: (built, kind) => {
      sent.push({ built, kind });
    },
    resourceDigest: () => "0000000000000000",
    now: () => 1,
  });
  const whats = async () => (await history.read(0, 100)).map(({ event }) => event.what);
  return { publisher, history, sent, whats, log };
}

describe("createPublisher", () => {
  it("writes what was proposed and pushed before a proxy can get it", async () => {
    const { publisher, sent, whats } = await aPublisher();
    await publisher.resume(aWish());
    expect([await whats(), sent.length]).toEqual([["proposed", "pushed"], 1]);
  });

  it("pushes nothing for a wish that is live already", async () => {
    const { publisher, sent } = await aPublisher();
    await publisher.resume(aWish());
    const again = await publisher.publish(aWish({ why: "another reason" }));
    expect([again.changed, sent.length]).toEqual([false, 1]);
  });

  it("remembers what an operator applied although the table stays the same", async () => {
    const { publisher, log } = await aPublisher();
    await publisher.resume(aWish());
    await publisher.publish(aWish({ applied: { "bot.bot.objective": "alert:0.05" } }));
    const { history } = await aPublisher(log);
    expect(history.live().applied).toEqual({ "bot.bot.objective": "alert:0.05" });
  });

  it("goes on after a restart with the same bytes and no new event", async () => {
    const first = await aPublisher();
    await first.publisher.resume(aWish({ learned: { "bot/login/bot": 3000 } }));
    const second = await aPublisher(first.log);
    const resumed = await second.publisher.resume(aWish({ learned: { "bot/login/bot": 3000 } }));
    expect(resumed.changed).toBe(false);
    expect(second.sent[0]?.built.bytes).toEqual(first.sent[0]?.built.bytes);
  });

  it("pushes after a restart when the settings have changed", async () => {
    const first = await aPublisher();
    await first.publisher.resume(aWish());
    const second = await aPublisher(first.log);
    const own = [checkModelSettings({ mode: "tag" }, "test")];
    expect((await second.publisher.resume(aWish({ own }))).changed).toBe(true);
  });

  it("refuses a cut outside the bounds of model.yaml and keeps what is live", async () => {
    const { publisher, whats } = await aPublisher();
    await publisher.resume(aWish());
    const before = publisher.live().digest;
    const own = [checkModelSettings({ bot: { cut: 0.3 } }, "test")];
    await expect(publisher.publish(aWish({ own }))).rejects.toThrow(/bounds: bot\/rest\/bot/);
    expect([publisher.live().digest, (await whats()).at(-1)]).toEqual([before, "refused"]);
  });

  it("judges the step of each segment by itself where each has its own objective", async () => {
    const { publisher } = await aPublisher();
    const wishOf = (scope: string, login: number) =>
      aWish({
        own: [checkModelSettings({ bot: { objective: "alert:0.05", scope } }, "test")],
        learned: { "bot/rest/bot": 3000, "bot/login/bot": login },
      });
    await publisher.resume(wishOf("overall", 4000));
    // Nothing is recorded of login: all segments together may still judge it, login alone may not.
    await expect(publisher.publish(wishOf("segment", 3900))).rejects.toThrow(
      /step: bot\/login\/bot/,
    );
    expect((await publisher.publish(wishOf("overall", 3900))).changed).toBe(true);
  });

  it("shows what a wish would do without doing it", async () => {
    const { publisher, sent, whats } = await aPublisher();
    await publisher.resume(aWish());
    const own = [checkModelSettings({ mode: "tag" }, "test")];
    expect(publisher.preview(aWish({ own })).changed).toBe(true);
    expect([sent.length, (await whats()).length]).toEqual([1, 2]);
  });

  it("keeps off over a restart and gives new proxies the base table", async () => {
    const first = await aPublisher();
    await first.publisher.resume(aWish());
    await first.publisher.turnOff("ann", "a page");
    const second = await aPublisher(first.log);
    await second.publisher.resume(aWish());
    expect(second.sent.map(({ kind, built }) => [kind, built.table.models.length])).toEqual([
      ["base", 0],
    ]);
  });

  it("refuses a push while off", async () => {
    const { publisher } = await aPublisher();
    await publisher.resume(aWish());
    await publisher.turnOff("ann", "a page");
    const own = [checkModelSettings({ mode: "tag" }, "test")];
    await expect(publisher.publish(aWish({ own }))).rejects.toThrow(/off since .* by ann/);
  });

  it("comes back from off with a new serial and the cuts that were live", async () => {
    const { publisher, sent } = await aPublisher();
    const wish = aWish({ learned: { "bot/rest/bot": 3000 } });
    await publisher.resume(wish);
    const off = await publisher.turnOff("ann", "a page");
    const on = await publisher.turnOn(wish);
    expect(on.serial).toBe(off.serial + 1);
    expect(sent.at(-1)?.built.table.models[0]?.cuts).toEqual(sent[0]?.built.table.models[0]?.cuts);
  });

  it("keeps salt and token key over a restart, so that tokens stay valid", async () => {
    const first = await aPublisher();
    await first.publisher.resume(aWish());
    const second = await aPublisher(first.log);
    await second.publisher.publish(aWish({ own: [checkModelSettings({ mode: "tag" }, "test")] }));
    const keys = [first, second].map(({ sent }) => sent.at(-1)?.built.table.tokenKey);
    expect(keys[1]).toEqual(keys[0]);
  });
});
