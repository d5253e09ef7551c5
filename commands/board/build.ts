/** `npm run build:esp32`: makes the firmware for a board. */
import { boardCommand } from "./firmware.ts";

export const command = boardCommand("build:esp32");
