import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

/** `vite dev` serves the page; signalling and tokens come from a server that runs beside it (`npm start`). */
const SERVER = "http://localhost:8080";

export default defineConfig({
  plugins: [vue()],
  server: {
    proxy: {
      "/rtc": { target: SERVER, ws: true },
      "/dev": { target: SERVER },
      "/admin/api": { target: SERVER },
    },
  },
  build: { target: "es2022", sourcemap: false },
});
