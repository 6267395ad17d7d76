// Where this copy of Limen lies: a checkout, which runs TypeScript from source, or an installed
// package, which carries JavaScript only.
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

export type Installation = {
  /** Holds control/, models/, envoy/ and build/. */
  root: string;
  isPackage: boolean;
};

export const INSTALLATION: Installation = {
  root: join(import.meta.dirname, ".."),
  isPackage: import.meta.filename.endsWith(".js"),
};

/**
 * Where downloads stay. A package is thrown away with every install, and may lie where its user
 * cannot write, so it keeps them in the cache folder of the user.
 */
export function placeCache(
  { root, isPackage }: Installation,
  env: NodeJS.ProcessEnv,
  system: NodeJS.Platform = process.platform,
): string {
  if (!isPackage) return join(root, ".cache");
  const { XDG_CACHE_HOME: asked = "" } = env;
  // The XDG base directory specification has relative paths ignored.
  if (isAbsolute(asked)) return join(asked, "limen");
  const home = env["HOME"] || homedir();
  return join(home, system === "darwin" ? "Library/Caches" : ".cache", "limen");
}

/**
 * The folder that a person's paths start from. Scripts of the checkout run in its root, and npm
 * keeps the folder the command was typed in as INIT_CWD; for a package that would be the folder of
 * somebody else's script.
 */
export function placeWork({ isPackage }: Installation, env: NodeJS.ProcessEnv): string {
  return (isPackage ? undefined : env["INIT_CWD"]) ?? process.cwd();
}

/** What to do when a file of the build is not there. */
export const explainBuild = ({ isPackage }: Installation): string =>
  isPackage ? "install limen again" : 'run "npm run build"';
