/** The last status, and the end of the connection after it. */
import { DISCONNECT_WITH_WILL } from "../../../src/net/mqtt/reason-codes.ts";
import { Farewell } from "../../../src/station/farewell.ts";
import type { LastStatus } from "../../../src/station/status.ts";
import { deepEqual, equal, test } from "../../harness/harness.ts";
import { World } from "../../harness/world.ts";

/** Of the DISCONNECT that a case asks for. */
const REASON_CODE = 0x10;

function farewellOf(status: LastStatus) {
	const world = new World();
	const ends: string[] = [];
	const farewell = new Farewell({
		timer: world.timer,
		topic: "casa",
		status,
		reasonCode: REASON_CODE,
		onEnd: (reasonCode) => ends.push(`${world.clock.now()} ${reasonCode.toString(16)}`),
	});
	return { world, ends, farewell };
}

const WITH_WILL = DISCONNECT_WITH_WILL.toString(16);

test("the status goes once, retained, and the connection ends when it has its answer and nothing is in flight", () => {
	const { world, ends, farewell } = farewellOf("offline");
	const { source, payload, ...message } = farewell.next()!;
	deepEqual(message, { topic: "casa/status", qos: 1, retain: true, tag: 0 });
	equal(String.fromCharCode(...payload.values()), "offline");
	equal(source, farewell);
	equal(farewell.next(), undefined);
	farewell.nothingInFlight();
	deepEqual(ends, [], "the status has no answer");
	farewell.settled();
	deepEqual(ends, [], "a reading of QoS 2 may be in flight");
	farewell.nothingInFlight();
	deepEqual(ends, ["0 10"]);
	world.advanceTo(60_000);
	deepEqual(ends, ["0 10"], "once");
});

test("without an answer the connection ends after two seconds, and the broker says offline by the will", () => {
	const { world, ends, farewell } = farewellOf("offline");
	farewell.next();
	world.advanceTo(1_999);
	deepEqual(ends, []);
	world.advanceTo(60_000);
	deepEqual(ends, [`2000 ${WITH_WILL}`]);
});

test("a machine that sent asleep does not wait for the answer longer, and keeps to its reason code", () => {
	const { world, ends, farewell } = farewellOf("asleep");
	farewell.next();
	world.advanceTo(60_000);
	deepEqual(ends, ["2000 10"]);
});

test("a machine that could not send asleep leaves by the will", () => {
	const { world, ends } = farewellOf("asleep");
	world.advanceTo(60_000);
	deepEqual(ends, [`2000 ${WITH_WILL}`]);
});

test("ended early, it ends once", () => {
	const { world, ends, farewell } = farewellOf("asleep");
	farewell.end();
	world.advanceTo(60_000);
	deepEqual(ends, ["0 0"]);
});
