import type { Random } from "./random.ts";

export type TruthOptions = {
  /** Share of requests whose label never comes. */
  missing: number;
  /** Share of labels that say the opposite. */
  noise: number;
};

/** What the shop's own checks find out about a request, out of band: no header tells them. */
export type Truths = {
  /** Remembers a request before it is sent. */
  note(id: string, bot: boolean): void;
  /** The label of a request, once; null when it has none. */
  take(id: string): "0" | "1" | null;
};

/** A memory of the truth by request id, with the holes and errors it is asked to have. */
export function openTruths(random: Random, { missing, noise }: TruthOptions): Truths {
  const labels = new Map<string, "0" | "1" | null>();
  return {
    note: (id, bot) => {
      // Both are drawn for every request, so that one option does not move the other's draws.
      const [isMissing, isWrong] = [random.chance(missing), random.chance(noise)];
      labels.set(id, isMissing ? null : bot === isWrong ? "0" : "1");
    },
    take: (id) => {
      const label = labels.get(id) ?? null;
      labels.delete(id);
      return label;
    },
  };
}
