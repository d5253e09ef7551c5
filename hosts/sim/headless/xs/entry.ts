/** The firmware's start inside XS: hands Node's events to the ports. */
import main from "../../../../src/main.js";
import type { Station } from "../../../../src/station.js";
import { Action, EVENT_HEADER_BYTES, Event } from "../protocol.js";
import { actions, configure, nextTimer, onRestart, onSleep, runTimers, socketOf, time } from "./host.js";

/** The engine's own globals. */
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };

let station: Station | undefined;
let timer = Number.POSITIVE_INFINITY;
let awaiting = false;

function handle(kind: number, id: number, count: number, bytes: Uint8Array<ArrayBuffer>): void {
	switch (kind) {
		case Event.Configure:
			return configure(JSON.parse(new TextDecoder().decode(bytes)));
		case Event.Start:
			onRestart(() => {
				if (station) actions.add(Action.Restart, 0, 0, counters(station));
			});
			onSleep((duration) => {
				if (station) actions.add(Action.Sleep, 0, duration, counters(station));
			});
			station = main();
			if (!station) actions.add(Action.Stopped);
			return;
		case Event.Writable:
			return socketOf(id)?.writable(count);
		case Event.Readable:
			return socketOf(id)?.received(bytes);
		case Event.Closed:
			return socketOf(id)?.closed(new TextDecoder().decode(bytes));
		case Event.Stop:
			return station?.stop(() => actions.add(Action.Stopped));
		case Event.Count:
			if (station) actions.add(Action.Counters, 0, 0, counters(station));
			return;
	}
}

function counters(station: Station): Uint8Array {
	return new TextEncoder().encode(JSON.stringify(station.counters));
}

/** Called by the engine with each event; see `protocol.ts`. */
function handleCommand(event: ArrayBuffer): ArrayBuffer {
	const view = new DataView(event);
	time.now = view.getFloat64(6);
	time.wall = view.getFloat64(14);
	handle(view.getUint8(0), view.getUint8(1), view.getUint32(2), new Uint8Array(event, EVENT_HEADER_BYTES));
	runTimers();
	if (nextTimer() !== timer) {
		timer = nextTimer();
		actions.add(Action.Timer, 0, timer);
	}
	if ((station?.awaiting ?? false) !== awaiting) {
		awaiting = !awaiting;
		actions.add(Action.Awaiting, 0, awaiting ? 1 : 0);
	}
	return actions.take();
}

Object.assign(globalThis, { handleCommand });
