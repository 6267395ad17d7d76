/** Small line charts, as SVG text. */
export type Line = { name: string; color: string; points: readonly (readonly [number, number])[] };
export type Chart = { title: string; x: string; y: string; top: number; lines: readonly Line[] };

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 320, 56, 28, 40, 48];

/** A chart over a logarithmic x, with y from 0 to `top`. */
export function drawChart({ title, x, y, top, lines }: Chart): string {
  const all = lines.flatMap(({ points }) => points.map(([at]) => at));
  const [low, high] = [Math.log10(Math.min(...all)), Math.log10(Math.max(...all))];
  const across = (at: number): string =>
    (LEFT + ((Math.log10(at) - low) / (high - low)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const up = (value: number): string =>
    (HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const text = (at: string, height: string, words: string, more = ""): string =>
    `<text x="${at}" y="${height}" ${more}>${words}</text>`;
  const steps = [0, 1, 2, 3, 4].map((step) => (step * top) / 4);
  const marks = [...new Set(all)].sort((a, b) => a - b);
  const ticks = marks.filter(
    (_, at) => marks.length <= 6 || at % Math.ceil(marks.length / 6) === 0,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(String(LEFT), "20", title, 'font-weight="bold"'),
    ...steps.map(
      (value) =>
        `<path d="M${LEFT} ${up(value)}H${WIDTH - RIGHT}" stroke="#ddd"/>` +
        text(String(LEFT - 6), up(value), value.toFixed(2), 'text-anchor="end"'),
    ),
    ...ticks.map((at) =>
      text(across(at), String(HEIGHT - BOTTOM + 18), String(at), 'text-anchor="middle"'),
    ),
    text(String((LEFT + WIDTH) / 2), String(HEIGHT - 8), x, 'text-anchor="middle"'),
    text("8", String(TOP - 18), y),
    ...lines.map(({ name, color, points }, at) => {
      const path = points.map(([px, py]) => `${across(px)} ${up(Math.min(top, py))}`).join("L");
      const height = String(TOP + 14 + 16 * at);
      return (
        `<path d="M${path}" fill="none" stroke="${color}" stroke-width="2"/>` +
        text(String(WIDTH - RIGHT), height, name, `text-anchor="end" fill="${color}"`)
      );
    }),
    "</svg>",
    "",
  ].join("\n");
}
