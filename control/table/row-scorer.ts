import type { Outgoing } from "../demo/client.ts";
import { LimenError } from "../errors.ts";
import { createScorer, explainRefusal } from "../scorer.ts";

export type ScoredRow = {
  raw: number;
  /** The model's own output value. */
  score: number;
  /** Null when the score is no number. */
  bin: number | null;
};

/** The filter's core over rows and recorded requests. */
export type RowScorer = {
  /** Throws "refused" with the filter's reason. */
  load: (table: Uint8Array) => void;
  score: (model: number, vector: Float32Array) => ScoredRow;
  features: (request: Outgoing) => Float32Array;
};

/** A recorded text as bytes, one a character; text beyond Latin-1 is sent as UTF-8. */
function toByteText(text: string): string {
  const wide = [...text].some((character) => character > "\xff");
  return wide ? Buffer.from(text, "utf8").toString("latin1") : text;
}

export function openScorer(): RowScorer {
  const scorer = createScorer();
  return {
    load(table) {
      const code = scorer.load(table);
      if (code === 0) return;
      throw new LimenError("refused", `table: the filter refuses it: ${explainRefusal(code)}`);
    },
    score(model, vector) {
      const { raw, score, bin } = scorer.score(model, vector);
      return { raw, score, bin: bin < 0 ? null : bin };
    },
    features({ method, path, authority, headers }) {
      // A proxy hands the host on as :authority and not among the headers.
      const pairs = Object.entries(headers)
        .filter(([name]) => name.toLowerCase() !== "host")
        .map(([name, value]) => [name.toLowerCase(), toByteText(String(value))] as const);
      return scorer.features({
        method,
        path: toByteText(path),
        ...(authority !== undefined && { authority: toByteText(authority) }),
        headers: pairs,
      });
    },
  };
}
