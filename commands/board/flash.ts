/** `npm run flash`: makes the firmware, and writes it to a board. */
import { boardCommand } from "./firmware.ts";

export const command = boardCommand("flash");
