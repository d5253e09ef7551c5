/** When diagnostics go, and when not. */
import type { Host } from "../../../src/host.ts";
import { parseSettings } from "../../../src/settings.ts";
import { Diagnostics } from "../../../src/station/diagnostics.ts";
import type { Reports } from "../../../src/station/reports.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";
import { hostOf } from "../../harness/host.ts";
import { World } from "../../harness/world.ts";

const HOUR_MS = 3_600_000;

const COUNTERS = {
	...{ interval: 60, readings: 0, faults: 0, published: 0, redelivered: 0, acknowledged: 0, rejected: 0, dropped: 0 },
	...{ queued: 0, connections: 1 },
};

function diagnosticsOf({ interval = 900, host = {} as Partial<Host> } = {}) {
	const world = new World();
	/** Times at which a message went. */
	const sent: number[] = [];
	const texts: string[] = [];
	const reports: Pick<Reports, "queued" | "refusal" | "wear"> & { queued: number; refusal: string | undefined } = {
		queued: 0,
		refusal: undefined,
		wear: undefined,
	};
	const counters: typeof COUNTERS = { ...COUNTERS };
	const link = {
		connected: true,
		wake: () => {
			const message = diagnostics.next(world.clock.now());
			if (message) sent.push(world.clock.now());
			if (message) texts.push(String.fromCharCode(...message.payload.values()));
		},
	};
	const diagnostics: Diagnostics = new Diagnostics(
		{ ...hostOf(world), ...host },
		parseSettings({ diagnostics: interval, topic: "casa" }),
		link,
		reports,
		{
			get progress() {
				return { ...counters, uptime: world.clock.now() };
			},
		},
	);
	return { world, link, reports, counters, sent, texts, diagnostics };
}

/** Those wanted by a connection, acknowledged. */
function told(options: Parameters<typeof diagnosticsOf>[0] = {}) {
	const parts = diagnosticsOf(options);
	parts.diagnostics.wanted();
	deepEqual(parts.sent, [0]);
	parts.diagnostics.settled(0, "acknowledged");
	return parts;
}

test("they go with a connection, and with nothing new after 24 intervals, one message at a time", () => {
	const { world, sent, diagnostics } = diagnosticsOf({ interval: 100 });
	diagnostics.wanted();
	world.advanceTo(2_500_000);
	deepEqual(sent, [0], "the first are in flight");
	diagnostics.settled(0, "acknowledged");
	equal(diagnostics.next(world.clock.now())?.topic, "casa/diagnostics", "those wanted meanwhile go then");
	diagnostics.settled(0, "acknowledged");
	world.advanceTo(4_799_999);
	deepEqual(sent, [0]);
	world.advanceTo(4_800_000);
	deepEqual(sent, [0, 4_800_000]);
});

test("that readings go as they should, and time passes, is no news", () => {
	const { world, reports, counters, sent } = told();
	for (const name of ["readings", "published", "acknowledged"] as const) counters[name] += 15;
	reports.queued = 1;
	world.advanceTo(24 * 900_000 - 1);
	deepEqual(sent, [0]);
});

const NEWS: { readonly [what: string]: (parts: ReturnType<typeof told>) => void } = {
	"another interval": ({ counters }) => (counters.interval = 5),
	"a fault": ({ counters }) => counters.faults++,
	"a redelivery": ({ counters }) => counters.redelivered++,
	"a refused reading": ({ counters }) => counters.rejected++,
	"a lost reading": ({ counters }) => counters.dropped++,
	"a connection": ({ counters }) => counters.connections++,
	"a refusal": ({ reports }) => (reports.refusal = "quota exceeded"),
};
for (const [what, happens] of Object.entries(NEWS)) {
	test(`${what} is news: it is told at the end of the interval, once`, () => {
		const parts = told();
		const { world, sent, diagnostics } = parts;
		world.advanceTo(1_000_000);
		happens(parts);
		world.advanceTo(1_799_999);
		deepEqual(sent, [0]);
		world.advanceTo(1_800_000);
		deepEqual(sent, [0, 1_800_000]);
		diagnostics.settled(0, "acknowledged");
		world.advanceTo(1_800_000 + 24 * 900_000 - 1);
		deepEqual(sent, [0, 1_800_000]);
	});
}

test("a backlog is told of at each interval, as long as it lasts", () => {
	const { world, reports, sent, diagnostics } = told();
	reports.queued = 2;
	for (const end of [905_000, 1_805_000]) {
		world.advanceTo(end);
		diagnostics.settled(0, "acknowledged");
	}
	deepEqual(sent, [0, 905_000, 1_805_000]);
});

test("a machine's number is news when an eighth of it has changed, a text when it is another", () => {
	const facts: Record<string, string | number> = { restart: "power-on", rssi: -64, heap: 160_000, zero: 0 };
	const { world, sent, diagnostics } = told({ host: { diagnostics: () => ({ ...facts }) } });
	const times = [0];
	let now = 0;
	const isNews = (changed: typeof facts, expected: boolean) => {
		Object.assign(facts, changed);
		world.advanceTo((now += 900_000));
		if (expected) times.push(now);
		deepEqual(sent, times);
		if (expected) diagnostics.settled(0, "acknowledged");
	};
	isNews({ rssi: -72, heap: 180_000 }, false);
	isNews({ rssi: -56, heap: 140_000 }, false);
	isNews({ rssi: -73 }, true);
	isNews({ heap: 122_499 }, true);
	isNews({ zero: 1 }, true);
	isNews({ restart: "panic" }, true);
	isNews({ hall: 1 }, true);
});

test("those that the broker refused are told again at the next interval", () => {
	const { world, sent, diagnostics } = diagnosticsOf();
	diagnostics.wanted();
	diagnostics.settled(0, "rejected");
	world.advanceTo(900_000);
	deepEqual(sent, [0, 900_000]);
});

test("they are as new as can be, and dated: their content is that of the moment at which they go", () => {
	const { world, link, sent, texts, diagnostics } = diagnosticsOf();
	diagnostics.wanted();
	world.advanceTo(60_000);
	diagnostics.wanted();
	deepEqual(sent, [0], "the first are in flight");
	world.advanceTo(1_000_000);
	diagnostics.settled(0, "acknowledged");
	link.wake();
	const [first, second] = texts.map((text) => JSON.parse(text));
	deepEqual(first, { time: "2026-11-21T00:00:00.000Z", ...COUNTERS, uptime: 0 });
	deepEqual(second, { time: "2026-11-21T00:16:40.000Z", ...COUNTERS, uptime: 1_000_000 });
});

test("a reading in flight is waited for; a backlog is not, and the diagnostics come again when it is through", () => {
	const { world, link, reports, sent, diagnostics } = diagnosticsOf();
	reports.queued = 1;
	diagnostics.wanted();
	world.advanceTo(100);
	link.wake();
	deepEqual(sent, []);
	reports.queued = 0;
	link.wake();
	deepEqual(sent, [100]);
	diagnostics.settled(0, "acknowledged");
	diagnostics.nothingInFlight();
	deepEqual(sent, [100], "they are true");
	reports.queued = 300;
	world.advanceTo(900_000);
	diagnostics.nothingInFlight();
	world.advanceTo(904_999);
	link.wake();
	deepEqual(sent, [100]);
	world.advanceTo(905_000);
	deepEqual(sent, [100, 905_000], "also where nothing else goes on");
	diagnostics.settled(0, "acknowledged");
	reports.queued = 1;
	diagnostics.nothingInFlight();
	deepEqual(sent, [100, 905_000]);
	reports.queued = 0;
	world.advanceTo(960_000);
	diagnostics.nothingInFlight();
	deepEqual(sent, [100, 905_000, 960_000]);
	diagnostics.settled(0, "acknowledged");
	diagnostics.nothingInFlight();
	deepEqual(sent, [100, 905_000, 960_000], "once");
});

test("at the end they come once more, when all is delivered or the time is over, and no status before them", () => {
	const { world, link, reports, sent, diagnostics } = diagnosticsOf();
	diagnostics.wanted();
	diagnostics.settled(0, "acknowledged");
	world.advanceTo(60_000);
	reports.queued = 2;
	diagnostics.finish(61_500, true);
	link.wake();
	equal(diagnostics.held, true);
	world.advanceTo(61_500);
	deepEqual(sent, [0, 61_500]);
	equal(diagnostics.held, false);
	diagnostics.settled(0, "acknowledged");
	diagnostics.wanted();
	world.advanceTo(HOUR_MS);
	deepEqual(sent, [0, 61_500]);
});

test("before a sleep they come once more only if they are outdated", () => {
	const { link, reports, sent, diagnostics } = diagnosticsOf();
	diagnostics.wanted();
	diagnostics.settled(0, "acknowledged");
	reports.queued = 1;
	diagnostics.finish(0, false);
	link.wake();
	deepEqual(sent, [0]);
	equal(diagnostics.held, false);
});

test("without a connection nothing is wanted", () => {
	const { world, link, sent, diagnostics } = diagnosticsOf();
	diagnostics.wanted();
	diagnostics.settled(0, "acknowledged");
	link.connected = false;
	world.advanceTo(2 * HOUR_MS);
	deepEqual(sent, [0]);
	link.connected = true;
	diagnostics.wanted();
	deepEqual(sent, [0, 2 * HOUR_MS]);
});

test("given up, they are left out for an hour", () => {
	const { world, sent, diagnostics } = diagnosticsOf();
	diagnostics.wanted();
	diagnostics.settled(0, "given up");
	diagnostics.wanted();
	world.advanceTo(HOUR_MS - 1);
	deepEqual(sent, [0]);
	world.advanceTo(HOUR_MS);
	deepEqual(sent, [0, HOUR_MS]);
});

test("given up while a backlog waited, they do not come again when it is through", () => {
	const { world, reports, sent, diagnostics } = diagnosticsOf({ interval: 86_400 });
	reports.queued = 300;
	diagnostics.wanted();
	world.advanceTo(5_000);
	diagnostics.settled(0, "given up");
	reports.queued = 0;
	world.advanceTo(60_000);
	diagnostics.nothingInFlight();
	deepEqual(sent, [5_000]);
	equal(diagnostics.held, false);
});

test("closed, or with an interval of 0, they are not wanted", () => {
	const { world, sent, diagnostics } = diagnosticsOf();
	diagnostics.close();
	diagnostics.wanted();
	world.advanceTo(HOUR_MS);
	deepEqual(sent, []);
	const off = diagnosticsOf({ interval: 0 });
	off.diagnostics.wanted();
	deepEqual(off.sent, []);
});
