/** When diagnostics go, and when not. */
import { parseSettings } from "../../../src/settings.ts";
import { Diagnostics } from "../../../src/station/diagnostics.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";
import { hostOf } from "../../harness/host.ts";
import { World } from "../../harness/world.ts";

const HOUR_MS = 3_600_000;

function diagnosticsOf({ interval = 900 } = {}) {
	const world = new World();
	/** Times at which a message went. */
	const sent: number[] = [];
	const link = {
		connected: true,
		wake: () => {
			if (diagnostics.next()) sent.push(world.clock.now());
		},
	};
	const diagnostics: Diagnostics = new Diagnostics(
		hostOf(world),
		parseSettings({ diagnostics: interval, topic: "casa" }),
		link,
		() => ({ uptime: world.clock.now() }),
	);
	return { world, link, sent, diagnostics };
}

test("they go with a connection and at each interval, one message at a time", () => {
	const { world, sent, diagnostics } = diagnosticsOf();
	diagnostics.connected();
	world.advanceTo(1_000_000);
	deepEqual(sent, [0], "the first are in flight");
	diagnostics.settled(0, "acknowledged");
	equal(diagnostics.next()?.topic, "casa/diagnostics", "those wanted meanwhile go then");
	diagnostics.settled(0, "rejected");
	world.advanceTo(1_800_000);
	deepEqual(sent, [0, 1_800_000]);
});

test("they are as new as can be: their content is that of the moment at which they go", () => {
	const { world, sent, diagnostics } = diagnosticsOf();
	diagnostics.connected();
	world.advanceTo(1_000_000);
	deepEqual(sent, [0], "the first are in flight");
	diagnostics.settled(0, "acknowledged");
	equal(String.fromCharCode(...diagnostics.next()!.payload.values()), '{"uptime":1000000}');
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

test("closed, or with an interval of 0, they are not wanted; those that wait still go", () => {
	const { world, sent, diagnostics } = diagnosticsOf();
	diagnostics.close();
	diagnostics.connected();
	world.advanceTo(HOUR_MS);
	deepEqual(sent, []);
	const off = diagnosticsOf({ interval: 0 });
	off.diagnostics.connected();
	deepEqual(off.sent, []);
});
