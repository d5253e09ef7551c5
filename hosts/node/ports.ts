/** The link's ports (`src/host.ts`) on Node. */
import { performance } from "node:perf_hooks";
import type { Clock, NetworkPort, TimerPort } from "../../src/host.ts";
import { NodeSocket } from "./node-socket.ts";
import { connectTls } from "./tls.ts";

/** Longest delay of a timer of Node's, in ms. */
const TIMER_MAXIMUM = 2 ** 31 - 1;

export const clock: Clock = { now: () => performance.now(), time: () => Date.now() };

export const timer: TimerPort = {
	set: (callback, delay) => {
		const due = performance.now() + delay;
		const holder: { timeout?: NodeJS.Timeout } = {};
		// Node's timers count whole ms, from a moment a little in the past, and no longer than TIMER_MAXIMUM.
		const wait = () => {
			const left = due - performance.now();
			if (left <= 0) callback();
			else holder.timeout = setTimeout(wait, Math.min(Math.ceil(left), TIMER_MAXIMUM));
		};
		holder.timeout = setTimeout(wait, Math.min(Math.ceil(delay), TIMER_MAXIMUM));
		return holder;
	},
	clear: (timer) => clearTimeout((timer as { timeout?: NodeJS.Timeout } | undefined)?.timeout),
};

export const network: NetworkPort = { socket: { io: NodeSocket }, tls: { io: NodeSocket, connect: connectTls } };
