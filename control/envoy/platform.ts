import { release } from "node:os";
import { LimenError } from "../errors.ts";

/** What decides whether the packed Envoy runs here. */
export type Platform = {
  system: string;
  processor: string;
  /** Version of the C library; null on a system without glibc. */
  glibc: string | null;
  /** Kernel release; on macOS its first number is the macOS version plus 9. */
  kernel: string;
};

const GLIBC_MINIMUM = [2, 31] as const;
/** macOS 15. */
const DARWIN_MINIMUM = 24;
const OTHERWISE = "set ENVOY_PATH to an Envoy of your own, or use one of these platforms";

/** The machine this process runs on. */
export function readPlatform(): Platform {
  let glibc: string | null = null;
  if (process.platform === "linux") {
    // Without this the report looks up the names of open connections.
    Object.assign(process.report, { excludeNetwork: true });
    const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
    glibc = report.header?.glibcVersionRuntime ?? null;
  }
  return { system: process.platform, processor: process.arch, glibc, kernel: release() };
}

function describe(platform: Platform): string {
  const { system, processor, glibc, kernel } = platform;
  if (system === "linux") return `Linux ${processor}, ${glibc ? `glibc ${glibc}` : "no glibc"}`;
  return `${system} ${processor}, release ${kernel}`;
}

function isAtLeast(version: string, minimum: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > minimum[0] || (major === minimum[0] && minor >= minimum[1]);
}

/** Refuses a machine the packed Envoy has no binary for, before anything is downloaded. */
export function checkPlatform(platform: Platform): void {
  const { system, processor, glibc, kernel } = platform;
  const linux =
    system === "linux" &&
    ["x64", "arm64"].includes(processor) &&
    glibc !== null &&
    isAtLeast(glibc, GLIBC_MINIMUM);
  const mac =
    system === "darwin" && processor === "arm64" && isAtLeast(kernel, [DARWIN_MINIMUM, 0]);
  if (linux || mac) return;
  throw new LimenError(
    "missing",
    `the packed Envoy runs on Linux x86_64 and aarch64 (glibc >= 2.31) and macOS >= 15 arm64, this is ${describe(platform)}; ${OTHERWISE}`,
  );
}
