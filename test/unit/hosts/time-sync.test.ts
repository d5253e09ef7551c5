import { TimeSync } from "../../../hosts/esp32/time-sync.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function sync({
	networkReady = () => true,
	construct = () => {},
}: {
	networkReady?: () => boolean;
	construct?: () => void;
} = {}) {
	const log: string[] = [];
	let timer: { callback: () => void; delay: number } | undefined;
	let answer: (message: number, value?: number) => void = () => {};
	class FakeSntp {
		static readonly time = 1;
		static readonly retry = 2;
		static readonly error = -1;
		constructor({ host }: { host: string }, callback: typeof answer) {
			construct();
			log.push(`ask ${host}`);
			answer = callback;
		}
	}
	const sync = new TimeSync({
		io: FakeSntp,
		host: "time.example",
		timer: {
			set: (callback, delay) => {
				timer = { callback, delay };
				return timer;
			},
			clear: () => {},
		},
		log: (level, text) => log.push(`${level}: ${text}`),
		networkReady,
		onTime: (seconds) => log.push(`set ${seconds}`),
	});
	return {
		start: () => sync.start(),
		answer: (message: number, value?: number) => answer(message, value),
		/** Lets the timer that is set run out, and returns its delay in ms. */
		wait: () => {
			const due = timer;
			timer = undefined;
			due?.callback();
			return due?.delay;
		},
		since: () => log.splice(0),
	};
}

test("the time that the server tells is set, and asked for again after six hours", () => {
	const { start, answer, wait, since } = sync();
	start();
	answer(1, 1_795_000_000);
	deepEqual(since(), ["ask time.example", "set 1795000000"]);
	equal(wait(), 6 * HOUR);
	deepEqual(since(), ["ask time.example"]);
});

test("starting twice asks once", () => {
	const { start, answer, since } = sync();
	start();
	start();
	answer(1, 1_795_000_000);
	start();
	deepEqual(since(), ["ask time.example", "set 1795000000"]);
});

test("a server that does not answer is asked every minute, and complained of once", () => {
	const { start, answer, wait, since } = sync();
	start();
	answer(2);
	answer(-1);
	deepEqual(since(), [
		"ask time.example",
		"warning: time: not set by time.example: no answer; readings wait for their time",
	]);
	equal(wait(), MINUTE);
	answer(-1);
	equal(wait(), MINUTE);
	answer(1, 1_795_000_000);
	deepEqual(since(), ["ask time.example", "ask time.example", "set 1795000000", "info: time: set by time.example"]);
});

test("without a network nothing is asked", () => {
	let ready = false;
	const { start, wait, since } = sync({ networkReady: () => ready });
	start();
	equal(wait(), MINUTE);
	deepEqual(since(), []);
	ready = true;
	wait();
	deepEqual(since(), ["ask time.example"]);
});

test("a socket that cannot be had is tried again", () => {
	let broken = true;
	const { start, wait, since } = sync({
		construct: () => {
			if (broken) throw new Error("no socket");
		},
	});
	start();
	deepEqual(since(), ["warning: time: not set by time.example: no socket; readings wait for their time"]);
	broken = false;
	equal(wait(), MINUTE);
	deepEqual(since(), ["ask time.example"]);
});
