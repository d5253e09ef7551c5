/** The ports that a board and mcsim have in common, on modules that the SDK has for both. */
import TCP from "embedded:io/socket/tcp";
import Net from "net";
import Time from "time";
import Timer from "timer";
import type { Clock, Host, LogLevel, NetworkPort, TimerPort } from "../../src/host.js";
import { NetResolver } from "./resolver.js";
import { SdkSocket } from "./sdk-socket.js";
import { MonotonicTicks } from "./ticks.js";

/** One line to the serial port, or to the terminal that mcsim was started from. */
export function log(level: LogLevel, text: string): void {
	trace(level === "info" ? `${text}\n` : `${level}: ${text}\n`);
}

export const timer: TimerPort = Object.freeze({
	set: (callback: () => void, delay: number) => Timer.set(() => callback(), delay),
	clear: (id: unknown) => Timer.clear(id as Timer),
});

function defer(callback: () => void): void {
	Timer.set(() => callback(), 0);
}

/** The classes get the SDK's classes as further options, which the types of the ports do not know. */
export const socket = Object.freeze({ io: SdkSocket, transport: TCP, defer }) as unknown as NetworkPort["socket"];
export const dns = Object.freeze({ io: NetResolver, net: Net, defer }) as unknown as NonNullable<NetworkPort["dns"]>;

/** Reads the tick counter, so not for code that runs when the firmware is linked. */
export function createClock(time: Clock["time"]): Host["clock"] {
	const ticks = new MonotonicTicks(() => Time.ticks);
	return { now: () => ticks.now(), time };
}
