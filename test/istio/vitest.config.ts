import { defineConfig } from "vitest/config";

// The lane with a real istiod: `npm run test:istio`. One file at a time, as in the project `real`.
export default defineConfig({
  test: {
    name: "istio",
    include: ["test/istio/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
