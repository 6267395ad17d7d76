import { afterEach, describe, expect } from "vitest";
import { buildResource, type Resource } from "../../control/xds/resource.ts";
import { aModel, someTable } from "../support/builders.ts";
import { itOnEnvoy, waitFor } from "../support/envoy.ts";
import { askUpstream } from "../support/load.ts";
import { MODULE, push, type Stage, setStage, strikeStage } from "../support/stage.ts";

afterEach(strikeStage);

/** A listener for each filter, as a sidecar has them; one VM id makes them share a VM. */
function setTwo([first, second]: readonly [string, string]): Promise<Stage> {
  const filterOf = (name: string, vmId: string) => [
    { name, vmId, wasmPath: MODULE, table: "xds" as const },
  ];
  const secondFilters = filterOf("second", second);
  return setStage({ filters: filterOf("first", first), secondFilters, workers: 2 });
}

function resourceFor(name: string, vmId: string, cut: number, serial = 1): Resource {
  const tags = [{ header: `x-limen-${name}`, value: `${serial}` }];
  const model = aModel({ name, tags, cuts: [[cut]] });
  return buildResource({
    name,
    vmId,
    wasm: { path: MODULE },
    table: someTable({ serial, models: [model] }),
  });
}

/** The tags that the application sees through the first and through the second listener. */
async function tagsOf(stage: Stage, score: number): Promise<(readonly [string, string])[][]> {
  const question = { headers: [["x-score", String(score)]] as const };
  const { port, secondPort } = stage.envoy;
  const seen = [await askUpstream(port, question), await askUpstream(secondPort, question)];
  return seen.map(({ headers }) => headers.filter(([name]) => name.startsWith("x-limen-")));
}

for (const [how, vmIds] of [
  ["with a VM each", ["vm-1", "vm-2"]],
  ["in one VM", ["vm-1", "vm-1"]],
] as const) {
  describe(`two filters in one Envoy ${how}`, () => {
    itOnEnvoy("decide each by its own cut and write its own tag", async () => {
      const stage = await setTwo(vmIds);
      await push(stage.control, resourceFor("first", vmIds[0], 1000));
      await push(stage.control, resourceFor("second", vmIds[1], 3000));
      expect(await tagsOf(stage, 2000)).toEqual([[["x-limen-first", "1"]], []]);
      expect(await tagsOf(stage, 3000)).toEqual([
        [["x-limen-first", "1"]],
        [["x-limen-second", "1"]],
      ]);
    });

    itOnEnvoy("keep their table when the other one gets five new ones", async () => {
      const stage = await setTwo(vmIds);
      await push(stage.control, resourceFor("second", vmIds[1], 1000));
      for (let serial = 1; serial <= 5; serial += 1) {
        await push(stage.control, resourceFor("first", vmIds[0], 1000, serial));
      }
      await waitFor("the fifth table", async () =>
        (await tagsOf(stage, 2000))[0]?.[0]?.[1] === "5" ? true : null,
      );
      expect((await tagsOf(stage, 2000))[1]).toEqual([["x-limen-second", "1"]]);
    });

    itOnEnvoy("leave the base state to the one that has no table", async () => {
      const stage = await setTwo(vmIds);
      await push(stage.control, resourceFor("first", vmIds[0], 1000));
      expect(await tagsOf(stage, 2000)).toEqual([[["x-limen-first", "1"]], []]);
    });
  });
}
