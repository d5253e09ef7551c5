/** The firmware's start inside XS: hands Node's events to the ports. */
import main from "../../../../src/main.js";
import type { Station } from "../../../../src/station/station.js";
import { Action, Event, TEXT_BOX } from "../protocol.js";
import { act, aside, takeText } from "./engine.js";
import {
	configure,
	nextTimer,
	onRestart,
	onSleep,
	onTaskDone,
	runTimers,
	socketOf,
	tellProgress,
	time,
} from "./host.js";

let station: Station | undefined;
let timer = Number.POSITIVE_INFINITY;
let awaiting = false;

function handleEvent(kind: number, id: number, count: number): void {
	switch (kind) {
		case Event.Configure:
			return configure(JSON.parse(takeText(TEXT_BOX)));
		case Event.Start:
			onRestart(() => {
				if (station) act(Action.Restart, 0, 0, counters(station));
			});
			onSleep((duration) => {
				if (station) act(Action.Sleep, 0, duration, counters(station));
			});
			station = main();
			if (!station) act(Action.Stopped);
			return;
		case Event.Writable:
			return socketOf(id)?.writable(count);
		case Event.Readable:
			return socketOf(id)?.received(count);
		case Event.Closed: {
			// Also of a socket that is no more: the text would stay in front of the next one's.
			const reason = takeText(TEXT_BOX);
			return socketOf(id)?.closed(reason);
		}
		case Event.Stop:
			return station?.stop(() => act(Action.Stopped));
		case Event.Count:
			if (station) act(Action.Counters, 0, 0, counters(station));
			return;
	}
}

function counters(station: Station): string {
	return JSON.stringify(station.counters);
}

/** Called by the engine with each event; see `protocol.ts`. */
function onEvent(kind: number, id: number, count: number, now: number, wall: number): void {
	time.now = now;
	time.wall = wall;
	handleEvent(kind, id, count);
	runTimers();
	// What follows is the computer's: a board has none of it.
	aside(true);
	if (station) tellProgress(station);
	if (nextTimer() !== timer) {
		timer = nextTimer();
		act(Action.Timer, 0, timer);
	}
	if ((station?.awaiting ?? false) !== awaiting) {
		awaiting = !awaiting;
		act(Action.Awaiting, 0, awaiting ? 1 : 0);
	}
	aside(false);
}

onTaskDone(() => onEvent(Event.TaskDone, 0, 0, time.now, time.wall));
Object.assign(globalThis, { onEvent });
