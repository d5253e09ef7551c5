import type { Socket } from "node:net";

/**
 * Cuts a connection with a RST. One that is ending already is destroyed without it: there `resetAndDestroy` leaves a
 * handle that never closes, and Node.js (20.20) then runs for ever when the process is to exit.
 */
export function reset(socket: Socket): void {
	if (socket.writableEnded) socket.destroy();
	else socket.resetAndDestroy();
}
