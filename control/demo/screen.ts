/** Where the demo talks: lines that stay, and on a terminal a block below them that moves. */
export type Screen = {
  say(line: string): void;
  /** Redraws the block; on anything but a terminal its first line, every few seconds. */
  show(block: readonly string[]): void;
  /** Takes the block away. */
  clear(): void;
};

type Output = Pick<NodeJS.WriteStream, "write"> & { isTTY?: boolean; columns?: number };

const PLAIN_EVERY_MS = 5_000;
const WIDTH = 80;

/** Lines cut to the terminal, so that the cursor can count them. */
const clip = (line: string, columns: number): string => line.slice(0, Math.max(1, columns - 1));

function openLive(output: Output): Screen {
  let block: readonly string[] = [];
  const erase = (): void => {
    if (block.length > 0) output.write(`\x1b[${block.length}A\x1b[0J`);
  };
  const draw = (): void => {
    const columns = output.columns ?? WIDTH;
    for (const line of block) output.write(`${clip(line, columns)}\n`);
  };
  return {
    say: (line) => {
      erase();
      output.write(`${line}\n`);
      draw();
    },
    show: (lines) => {
      erase();
      block = ["", ...lines];
      draw();
    },
    clear: () => {
      erase();
      block = [];
    },
  };
}

function openPlain(output: Output, now: () => number): Screen {
  let shown = now();
  return {
    say: (line) => {
      shown = now();
      output.write(`${line}\n`);
    },
    show: (lines) => {
      if (now() - shown < PLAIN_EVERY_MS) return;
      shown = now();
      output.write(`   ${(lines[0] ?? "").trim()}\n`);
    },
    clear: () => undefined,
  };
}

/** A live screen on a terminal, plain lines elsewhere. */
export function openScreen(output: Output, now: () => number = () => performance.now()): Screen {
  return output.isTTY === true ? openLive(output) : openPlain(output, now);
}
