#!/usr/bin/env node
// Plain JavaScript on purpose: an older Node must be able to read this far and say what it lacks.
const major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(
    `limen: needs Node 24 or newer, this is ${process.versions.node}; install it (for one project: npm install node@24); in the checkout "npm run -s limen -- ARGS" and "npx limen ARGS" bring their own`,
  );
  process.exit(2);
}
const { main } = await import("./main.ts");
process.exitCode = await main(process.argv.slice(2));
