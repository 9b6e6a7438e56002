import { defineConfig } from "vite";

/** One ES module with everything in it (the worker too), for pages that use the SDK without a bundler. */
export default defineConfig({
  build: {
    target: "es2022",
    lib: { entry: "src/index.ts", formats: ["es"], fileName: "mien-sdk" },
    sourcemap: true,
  },
});
