import { writeFileSync } from "node:fs";
import { RATE } from "./plan.ts";
import type { Point, Points, Share } from "./points.ts";

/** Lengths in pixels. */
const WIDTH = 880;
const LEFT = 64;
const RIGHT = 20;
const PANELS = {
  fpr: { top: 64, height: 200, title: "false positive rate" },
  recall: { top: 308, height: 130, title: "recall" },
} as const;
/** Between two lines of the false positive rate. */
const TICK = 0.2;
type Panel = keyof typeof PANELS;
const HEIGHT = 496;
const COLORS = { hand: "#b4472f", live: "#1f6f8b", mark: "#444", grid: "#ddd", push: "#1f6f8b" };

/** Coordinates to a tenth of a pixel: enough, and the same text everywhere. */
const at = (value: number): string => value.toFixed(1);

type Scale = { x: (decisions: number) => number; y: (panel: Panel, share: number) => number };

function openScale({ step, points }: Points, top: number): Scale {
  const span = Math.max(1, step * points.length);
  return {
    x: (decisions) => LEFT + ((WIDTH - LEFT - RIGHT) * decisions) / span,
    y: (panel, share) => {
      const { top: edge, height } = PANELS[panel];
      return edge + height - (height * share) / (panel === "fpr" ? top : 1);
    },
  };
}

/** The line of one cut; it breaks where nothing is known. */
function drawLine(
  { step, points }: Points,
  scale: Scale,
  panel: Panel,
  of: (point: Point) => Share,
): string {
  let isOpen = false;
  return points
    .flatMap((point, index) => {
      const value = of(point)[panel];
      const command = isOpen ? "L" : "M";
      isOpen = value !== null;
      if (value === null) return [];
      return `${command}${at(scale.x((index + 0.5) * step))} ${at(scale.y(panel, value))}`;
    })
    .join("");
}

const text = (x: number, y: number, words: string, more = ""): string =>
  `<text x="${at(x)}" y="${at(y)}"${more}>${words}</text>`;
const percent = (share: number): string => `${Number((share * 100).toFixed(1))}%`;

function drawGrid(scale: Scale, panel: Panel, ticks: readonly number[]): string[] {
  const { top, title } = PANELS[panel];
  const lines = ticks.flatMap((share) => {
    const y = scale.y(panel, share);
    return [
      `<path d="M${LEFT} ${at(y)}H${WIDTH - RIGHT}" stroke="${COLORS.grid}"/>`,
      text(LEFT - 8, y + 4, percent(share), ' text-anchor="end"'),
    ];
  });
  return [...lines, text(LEFT, top - 8, title, ' font-weight="600"')];
}

function drawMarks({ marks }: Points, scale: Scale): string[] {
  const bottom = PANELS.recall.top + PANELS.recall.height;
  return marks.map(({ at: place, what }) => {
    const x = scale.x(place);
    if (what === "push") {
      const y = bottom + 4;
      return `<path d="M${at(x)} ${y}l4 8h-8z" fill="${COLORS.push}"/>`;
    }
    const dash = what === "release" ? "" : ' stroke-dasharray="3 3"';
    const label = what === "release" ? [x - 6, "release", "end"] : [x + 6, "alarm", "start"];
    const line = `<path d="M${at(x)} ${PANELS.fpr.top - 4}V${bottom}" stroke="${COLORS.mark}"${dash}/>`;
    const [left, word, anchor] = label as [number, string, string];
    return `${line}${text(left, PANELS.fpr.top + 10, word, ` text-anchor="${anchor}"`)}`;
  });
}

function drawLegend(): string[] {
  const entry = (x: number, color: string, words: string): string =>
    `<path d="M${x} 22h24" stroke="${color}" stroke-width="2.5"/>${text(x + 32, 26, words)}`;
  return [
    entry(LEFT, COLORS.hand, "cut 0.5 set by hand, what it would tag"),
    entry(LEFT + 330, COLORS.live, "learned cuts, as they were live"),
    `<path d="M${LEFT + 600} 18l4 8h-8z" fill="${COLORS.push}"/>${text(LEFT + 612, 26, "push")}`,
  ];
}

function listTicks(top: number, step: number): number[] {
  return Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
}

/** The picture of a run: false positive rate over time, recall below it; one SVG document. */
export function drawPicture(points: Points): string {
  const shares = points.points.flatMap(({ hand, live }) => [hand.fpr ?? 0, live.fpr ?? 0]);
  const top = TICK * Math.max(1, Math.ceil(Math.max(...shares, 0) / TICK));
  const scale = openScale(points, top);
  const bottom = PANELS.recall.top + PANELS.recall.height;
  const rate = scale.y("fpr", RATE);
  const span = points.step * points.points.length;
  const lines = (["fpr", "recall"] as const).flatMap((panel) =>
    (["hand", "live"] as const).map((cut) => {
      const path = drawLine(points, scale, panel, (point) => point[cut]);
      return `<path d="${path}" fill="none" stroke="${COLORS[cut]}" stroke-width="2"/>`;
    }),
  );
  const thousands = listTicks(span, 4_000).map((count) =>
    text(scale.x(count), bottom + 28, `${count / 1000}k`, ' text-anchor="middle"'),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#222" role="img">`,
    "<title>False positive rate and recall over a run of the demo</title>",
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...drawLegend(),
    ...drawGrid(scale, "fpr", listTicks(top, TICK)),
    ...drawGrid(scale, "recall", [0, 0.5, 1]),
    `<path d="M${LEFT} ${at(rate)}H${WIDTH - RIGHT}" stroke="${COLORS.mark}" stroke-dasharray="1 3"/>`,
    text(WIDTH - RIGHT, rate - 5, `objective ${percent(RATE)}`, ' text-anchor="end"'),
    ...lines,
    ...drawMarks(points, scale),
    ...thousands,
    text(WIDTH - RIGHT, bottom + 46, "decisions, in log order", ' text-anchor="end"'),
    "</svg>",
    "",
  ].join("\n");
}

/** Writes the picture, and beside it the points it is drawn of. */
export function writePicture(file: string, points: Points): void {
  writeFileSync(file, drawPicture(points));
  writeFileSync(`${file.replace(/\.svg$/, "")}.json`, `${JSON.stringify(points)}\n`);
}
