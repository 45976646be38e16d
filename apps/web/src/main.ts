import { preset } from "./theme.ts";
import PrimeVue from "primevue/config";
import { createApp } from "vue";
import App from "./App.vue";
import "./style.css";

createApp(App)
  .use(PrimeVue, { theme: { preset, options: { darkModeSelector: "system", cssLayer: false } } })
  .mount("#app");
