/**
 * For a test whose program or data is not on this machine: says what is missing and how to get it.
 * In CI nothing may be missing, so there it fails.
 */
export function passBy(missing: string): void {
  const { CI } = process.env;
  if (CI !== undefined && CI !== "" && CI !== "false") throw new Error(`missing in CI: ${missing}`);
  process.stderr.write(`passed by: ${missing}\n`);
}
