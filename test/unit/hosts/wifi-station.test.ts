import { type Interface, WifiStation } from "../../../hosts/esp32/wifi-station.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";

/** Time that a test moves: timers run in order of their due time. */
function clockwork() {
	let now = 0;
	const timers = new Set<{ due: number; callback: () => void }>();
	return {
		timer: {
			set: (callback: () => void, delay: number) => {
				const timer = { due: now + delay, callback };
				timers.add(timer);
				return timer;
			},
			clear: (timer: unknown) => void timers.delete(timer as { due: number; callback: () => void }),
		},
		pending: () => timers.size,
		advance: (duration: number) => {
			const end = now + duration;
			for (;;) {
				const [next] = [...timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
				if (!next) break;
				timers.delete(next);
				now = next.due;
				next.callback();
			}
			now = end;
		},
	};
}

function station({ password, refuse = () => false }: { password?: string; refuse?: () => boolean } = {}) {
	const log: string[] = [];
	const { timer, advance, pending } = clockwork();
	let connection = 200;
	let changed = () => {};
	class FakeWiFi implements Interface {
		get connection() {
			return connection;
		}
		readonly address = "192.0.2.9";
		constructor(options: { onChanged: () => void }) {
			changed = options.onChanged;
		}
		connect(options: { SSID: string; password?: string }): void {
			if (refuse()) throw new Error("connect failed");
			connection = 300;
			log.push(`connect ${options.SSID}${options.password === undefined ? "" : ` ${options.password}`}`);
		}
		disconnect(): void {
			connection = 200;
			log.push("disconnect");
		}
	}
	new WifiStation({
		io: FakeWiFi,
		ssid: "casa",
		...(password === undefined ? {} : { password }),
		timer,
		log: (level, text) => log.push(`${level}: ${text}`),
		onChanged: (ready) => log.push(ready ? "ready" : "not ready"),
	});
	return {
		advance,
		pending,
		become: (state: number) => {
			connection = state;
			changed();
		},
		/** What happened since it was last asked. */
		since: () => log.splice(0),
	};
}

const JOINED = ["info: Wi-Fi: joined casa, address 192.0.2.9", "ready"];

test("joining ends with an address, is told, and leaves no timer behind", () => {
	const { become, pending, since } = station({ password: "secret word" });
	become(400);
	deepEqual(since(), ["connect casa secret word"]);
	become(500);
	deepEqual(since(), JOINED);
	equal(pending(), 0);
});

test("the password is never in the log", () => {
	const { become, advance, since } = station({ password: "secret word" });
	since();
	become(200);
	advance(4_999);
	equal(since().join().includes("secret"), false);
});

test("a lost network is joined again after five seconds", () => {
	const { become, advance, since } = station();
	become(500);
	since();
	become(200);
	deepEqual(since(), ["not ready", "warning: Wi-Fi: not joined to casa: refused or lost; trying every 5 s"]);
	advance(4_999);
	deepEqual(since(), []);
	advance(1);
	deepEqual(since(), ["connect casa"]);
	become(500);
	deepEqual(since(), JOINED);
});

test("an hour without the access point is one warning and an attempt every five seconds at the most", () => {
	const { become, advance, since } = station();
	since();
	for (let second = 0; second < 3_600; second += 5) {
		become(200);
		advance(5_000);
	}
	const log = since();
	equal(log.filter((line) => line.startsWith("warning")).length, 1);
	equal(log.filter((line) => line.startsWith("connect")).length, 720);
});

test("an attempt that gets no address is given up after thirty seconds", () => {
	const { become, advance, since } = station();
	become(400);
	since();
	advance(29_999);
	deepEqual(since(), []);
	advance(1);
	deepEqual(since(), ["disconnect", "warning: Wi-Fi: not joined to casa: no address; trying every 5 s"]);
	advance(5_000);
	deepEqual(since(), ["connect casa"]);
});

test("an address that is lost while joined makes the network not ready, and counts as lost after thirty seconds", () => {
	const { become, advance, since } = station();
	become(500);
	since();
	become(400);
	deepEqual(since(), ["not ready"]);
	advance(30_000);
	deepEqual(since(), ["disconnect", "warning: Wi-Fi: not joined to casa: no address; trying every 5 s"]);
});

test("a radio that refuses the attempt is asked again", () => {
	let refusals = 2;
	const { advance, since } = station({ refuse: () => refusals-- > 0 });
	deepEqual(since(), ["warning: Wi-Fi: not joined to casa: connect failed; trying every 5 s"]);
	advance(5_000);
	deepEqual(since(), []);
	advance(5_000);
	deepEqual(since(), ["connect casa"]);
});
