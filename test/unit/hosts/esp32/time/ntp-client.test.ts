import { SntpClient } from "../../../../../hosts/esp32/time/ntp-client.ts";
import { deepEqual, test, throws } from "../../../../harness/harness.ts";
import { World } from "../../../../harness/world.ts";

const NOON = Date.UTC(2040, 0, 1, 12);

/** A client, and what a stand-in of lwIP's is told. */
function client() {
	const world = new World();
	const log: string[] = [];
	const lwip = { answer: undefined as number | undefined, memory: true };
	const sntp = {
		start(host: string) {
			if (!lwip.memory) throw new Error("no memory");
			log.push(`${world.clock.now()}: ask ${host}`);
		},
		time: () => lwip.answer,
		stop: () => void log.push(`${world.clock.now()}: stop`),
	};
	const client = new SntpClient({ sntp, timer: world.timer, host: "time.example" });
	const ask = () => client.getTime((error, time) => log.push(`${world.clock.now()}: ${error ?? time}`));
	return { world, log, lwip, client, ask };
}

test("the time is told soon after the server has answered, and then lwIP's client is stopped", () => {
	const { world, log, lwip, ask } = client();
	ask();
	world.advanceTo(1_030);
	deepEqual(log, ["0: ask time.example"], "nothing before");
	lwip.answer = NOON;
	world.advanceTo(60_000);
	deepEqual(log, ["0: ask time.example", "1100: stop", `1100: ${NOON}`]);
});

test("whoever closes it is not called back", () => {
	const { world, log, lwip, client: closed, ask } = client();
	ask();
	world.advanceTo(250);
	closed.close();
	lwip.answer = NOON;
	world.advanceTo(60_000);
	deepEqual(log, ["0: ask time.example", "250: stop"]);
});

test("closing it before it was asked, and twice, does no harm", () => {
	const { world, log, client: closed } = client();
	closed.close();
	closed.close();
	world.advanceTo(60_000);
	deepEqual(log, ["0: stop", "0: stop"]);
});

test("after an answer it may be asked again", () => {
	const { world, log, lwip, ask } = client();
	lwip.answer = NOON;
	ask();
	world.advanceTo(100);
	lwip.answer = undefined;
	ask();
	world.advanceTo(500);
	deepEqual(log, ["0: ask time.example", "100: stop", `100: ${NOON}`, "100: ask time.example"]);
});

test("that there is no memory is thrown, and leaves no timer", () => {
	const { world, log, lwip, ask } = client();
	lwip.memory = false;
	throws(ask, /^no memory$/);
	lwip.answer = NOON;
	world.advanceTo(60_000);
	deepEqual(log, []);
});
