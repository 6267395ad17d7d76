import { defineConfig } from "vitest/config";

// Two projects: `fast` runs side by side; `real` starts programs (Envoy, Kafka), one file at a time,
// because two cores do not carry more and ports are taken from one counter.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "fast",
          sequence: { groupOrder: 0 },
          include: ["test/**/*.test.ts"],
          exclude: ["test/envoy/**", "test/kafka/**", "test/istio/**"],
          testTimeout: 60_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: "real",
          // After the fast ones: what they claim of time and rate is not to be read under their load.
          sequence: { groupOrder: 1 },
          include: ["test/envoy/**/*.test.ts", "test/kafka/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
