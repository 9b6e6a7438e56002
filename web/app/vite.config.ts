import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const server = "http://127.0.0.1:8700";

export default defineConfig({
  plugins: [vue()],
  resolve: {
    alias: { "@mien/sdk": new URL("../sdk/src/index.ts", import.meta.url).pathname },
  },
  build: { target: "es2022", sourcemap: true },
  // `npm run dev` shows the page from its sources, with a `mien serve` behind it.
  server: {
    proxy: {
      "/api": server,
      "/avatars": server,
      "/readyz": server,
      "/rtc": { target: server, ws: true },
    },
  },
});
