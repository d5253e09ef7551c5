/** `npm run size:esp32`: how large the JavaScript in a board's flash is. */
import { boardCommand } from "./firmware.ts";

export const command = boardCommand("size:esp32");
