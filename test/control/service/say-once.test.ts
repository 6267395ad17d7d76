import { describe, expect, it } from "vitest";
import { createSayOnce } from "../../../control/service/say-once.ts";

function listen() {
  const said: string[] = [];
  return { said, ...createSayOnce("counting", (line) => said.push(line)) };
}

describe("createSayOnce", () => {
  it("says a failure that repeats once", () => {
    const { said, failed } = listen();
    for (const _ of [1, 2, 3]) failed(new Error("the log is away"));
    expect(said).toHaveLength(1);
  });

  it("says another failure too", () => {
    const { said, failed } = listen();
    failed(new Error("the log is away"));
    failed(new Error("the disk is full"));
    expect(said[1]).toContain("the disk is full");
  });

  it("says that it works again, and then the same failure again", () => {
    const { said, failed, worked } = listen();
    failed(new Error("the log is away"));
    worked();
    failed(new Error("the log is away"));
    expect([said[1], said[2]]).toEqual(["counting: works again", said[0]]);
  });

  it("says nothing while it works", () => {
    const { said, worked } = listen();
    worked();
    expect(said).toEqual([]);
  });
});
