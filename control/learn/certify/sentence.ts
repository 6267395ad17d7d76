/** The figures of the sentence a certificate stands for. */
export type Stated = {
  /** When the epoch began, milliseconds since 1970. */
  began: number;
  /** 1 - d, as the operator stated it. */
  confidence: number;
  /** Certified false positive rate. */
  rate: number;
  /** W, the label window. */
  windowMs: number;
};

const UNITS: readonly (readonly [string, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
];

function writeWindow(ms: number): string {
  const [name, length] = UNITS.find(([, each]) => ms >= each && ms % each === 0) ?? [
    "millisecond",
    1,
  ];
  const count = ms / length;
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

/** Digits as far as they were meant: 0.1 + 0.2 is 30%, 0.001 is 0.1%. */
function writePercent(share: number): string {
  return `${Number((100 * share).toPrecision(12))}%`;
}

/** What is claimed by certified cuts of an epoch, whole; anything shorter claims too much. */
export function writeSentence({ began, confidence, rate, windowMs }: Stated): string {
  const since = `${new Date(began).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return (
    `Since the epoch began (${since}), with ${writePercent(confidence)} confidence none of the ` +
    `cuts certified in it would tag more than ${writePercent(rate)} of the requests not reported ` +
    `positive within ${writeWindow(windowMs)}, as measured on a random audit slice, while traffic ` +
    "in the epoch stays alike; if a monitor disagrees, the certificate is withdrawn and the safe " +
    "cut applies."
  );
}
