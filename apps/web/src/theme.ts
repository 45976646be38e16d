import { definePreset } from "@primeuix/themes";
import base from "@primeuix/themes/aura/base";
import button from "@primeuix/themes/aura/button";
import dialog from "@primeuix/themes/aura/dialog";
import drawer from "@primeuix/themes/aura/drawer";
import inputtext from "@primeuix/themes/aura/inputtext";
import select from "@primeuix/themes/aura/select";
import tooltip from "@primeuix/themes/aura/tooltip";

/** PrimeVue's Aura, of which only the components in use are bundled, in the colours of style.css. */
export const preset = definePreset(
  { ...base, components: { button, dialog, drawer, inputtext, select, tooltip } },
  {
    primitive: { borderRadius: { md: "10px", lg: "12px", xl: "18px" } },
    semantic: {
      primary: {
        50: "#eeeeff",
        100: "#e0e0ff",
        200: "#c7c7fe",
        300: "#a5a5fc",
        400: "#8484f8",
        500: "#5b5bf0",
        600: "#4a47e0",
        700: "#3d39c4",
        800: "#33309e",
        900: "#2e2c7d",
        950: "#1b1a4b",
      },
      colorScheme: {
        dark: {
          surface: {
            0: "#ffffff",
            50: "#f5f6fa",
            100: "#e6e8f0",
            200: "#cdd1de",
            300: "#a9b0c3",
            400: "#7d869c",
            500: "#5d6478",
            600: "#454c60",
            700: "#343b4e",
            800: "#262c3a",
            900: "#171b24",
            950: "#10141c",
          },
        },
      },
      formField: { paddingX: "0.9rem", paddingY: "0.7rem" },
    },
  },
);
