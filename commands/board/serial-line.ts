/** What holds for every board's serial port, whoever opens it. */

/** Bits per second of every board's UART; USB has none. */
export const BAUD_RATE = 115_200;
/** Time for which RTS holds the chip in reset, in ms, as in esptool. */
export const RESET_MS = 100;
