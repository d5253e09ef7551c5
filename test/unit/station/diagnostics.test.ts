/** When diagnostics go, and when not. */
import { parseSettings } from "../../../src/settings.ts";
import { Diagnostics } from "../../../src/station/diagnostics.ts";
import { deepEqual, equal, ok, test } from "../../harness/harness.ts";
import { hostOf } from "../../harness/host.ts";
import { World } from "../../harness/world.ts";

const HOUR_MS = 3_600_000;

function diagnosticsOf({ interval = 900 } = {}) {
	const world = new World();
	/** Times at which a message went. */
	const sent: number[] = [];
	const texts: string[] = [];
	const reports = { queued: 0, refusal: undefined, wear: undefined };
	const link = {
		connected: true,
		wake: () => {
			const message = diagnostics.next(world.clock.now());
			if (message) sent.push(world.clock.now());
			if (message) texts.push(String.fromCharCode(...message.payload.values()));
		},
	};
	const diagnostics: Diagnostics = new Diagnostics(
		hostOf(world),
		parseSettings({ diagnostics: interval, topic: "casa" }),
		link,
		reports,
		() => ({ uptime: world.clock.now() }),
	);
	return { world, link, reports, sent, texts, diagnostics };
}

test("they go with a connection and at each interval, one message at a time", () => {
	const { world, sent, diagnostics } = diagnosticsOf();
	diagnostics.connected();
	world.advanceTo(1_000_000);
	deepEqual(sent, [0], "the first are in flight");
	diagnostics.settled(0, "acknowledged");
	equal(diagnostics.next(world.clock.now())?.topic, "casa/diagnostics", "those wanted meanwhile go then");
	diagnostics.settled(0, "rejected");
	world.advanceTo(1_800_000);
	deepEqual(sent, [0, 1_800_000]);
});

test("they are as new as can be, and dated: their content is that of the moment at which they go", () => {
	const { world, link, sent, texts, diagnostics } = diagnosticsOf();
	diagnostics.connected();
	world.advanceTo(1_000_000);
	deepEqual(sent, [0], "the first are in flight");
	diagnostics.settled(0, "acknowledged");
	link.wake();
	deepEqual(texts, [
		'{"time":"2026-11-21T00:00:00.000Z","uptime":0}',
		'{"time":"2026-11-21T00:16:40.000Z","uptime":1000000}',
	]);
});

test("a reading in flight is waited for; a backlog is not, and the diagnostics come again when it is through", () => {
	const { world, link, reports, sent, diagnostics } = diagnosticsOf();
	reports.queued = 1;
	diagnostics.connected();
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
	link.wake();
	deepEqual(sent, [100, 905_000]);
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
	diagnostics.connected();
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
	diagnostics.connected();
	world.advanceTo(HOUR_MS);
	deepEqual(sent, [0, 61_500]);
});

test("before a sleep they come once more only if they are outdated", () => {
	const { link, reports, sent, diagnostics } = diagnosticsOf();
	diagnostics.connected();
	diagnostics.settled(0, "acknowledged");
	reports.queued = 1;
	diagnostics.finish(0, false);
	link.wake();
	deepEqual(sent, [0]);
	equal(diagnostics.held, false);
});

test("without a connection nothing is wanted", () => {
	const { world, link, sent, diagnostics } = diagnosticsOf();
	diagnostics.connected();
	diagnostics.settled(0, "acknowledged");
	link.connected = false;
	world.advanceTo(2 * HOUR_MS);
	deepEqual(sent, [0]);
	link.connected = true;
	diagnostics.connected();
	deepEqual(sent, [0, 2 * HOUR_MS]);
});

test("given up, they are left out for an hour", () => {
	const { world, sent, diagnostics } = diagnosticsOf();
	diagnostics.connected();
	diagnostics.settled(0, "given up");
	diagnostics.connected();
	world.advanceTo(HOUR_MS - 1);
	deepEqual(sent, [0]);
	world.advanceTo(HOUR_MS);
	deepEqual(sent, [0, HOUR_MS]);
});

test("given up while a backlog waited, they do not come again when it is through", () => {
	const { world, reports, sent, diagnostics } = diagnosticsOf({ interval: 86_400 });
	reports.queued = 300;
	diagnostics.connected();
	world.advanceTo(5_000);
	ok(diagnostics.next(5_000));
	diagnostics.settled(0, "given up");
	reports.queued = 0;
	world.advanceTo(60_000);
	diagnostics.nothingInFlight();
	deepEqual(sent, []);
	equal(diagnostics.held, false);
});

test("closed, or with an interval of 0, they are not wanted", () => {
	const { world, sent, diagnostics } = diagnosticsOf();
	diagnostics.close();
	diagnostics.connected();
	world.advanceTo(HOUR_MS);
	deepEqual(sent, []);
	const off = diagnosticsOf({ interval: 0 });
	off.diagnostics.connected();
	deepEqual(off.sent, []);
});
