import { preset } from "./theme.ts";
import PrimeVue from "primevue/config";
import { createApp } from "vue";
import "./style.css";

/** Those who call do not load what operators look at, nor the other way round. */
const isAdmin = /^\/admin(\/|$)/.test(location.pathname);
const { default: root } = isAdmin ? await import("./admin/AdminApp.vue") : await import("./App.vue");

createApp(root)
  .use(PrimeVue, { theme: { preset, options: { darkModeSelector: "system", cssLayer: false } } })
  .mount("#app");
