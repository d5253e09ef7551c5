/** Brokers that go away, come back, and fall silent: no reading may be lost. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { assertComplete, stopDelivered } from "../harness/delivery.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import type { StationProcess } from "../harness/station.ts";
import type { MosquittoSub } from "../harness/subscriber.ts";
import { pause, until } from "../harness/wait.ts";

/** Stops the station; every reading that it took must have arrived. */
async function assertNothingLost(parts: Parts, station: StationProcess, subscriber: MosquittoSub): Promise<void> {
	const { readings, acknowledged, dropped } = await stopDelivered(parts, station, subscriber);
	assert.deepEqual({ acknowledged, dropped }, { acknowledged: readings, dropped: 0 });
	assertComplete(subscriber.reports(), readings);
}

describe("No reading is lost", { concurrency: 8 }, () => {
	scenario("A broker that is killed and remembers its sessions costs no reading.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
		const station = parts.station(broker, "--interval", "1s");
		await subscriber.reaches(2);
		await broker.save();
		await broker.kill();
		await until("three attempts to connect in vain", () => station.count(/connection refused/) >= 3);
		await broker.restart();
		await station.line(/connected with .*, session resumed/);
		await subscriber.reaches(subscriber.highest() + 2);
		await assertNothingLost(parts, station, subscriber);
	});

	scenario("A broker that is killed and has forgotten everything costs no reading.", async (parts) => {
		const broker = await parts.mosquitto();
		const proxy = await parts.proxy(broker);
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(proxy, "--interval", "1s");
		await subscriber.reaches(2);
		proxy.shut();
		await broker.kill();
		broker.forget();
		await until("three attempts to connect in vain", () => station.count(/connection refused/) >= 3);
		await broker.restart();
		// This broker keeps nothing for a subscriber that is not there yet: the station waits at the door.
		await subscriber.subscribed(2);
		await proxy.open();
		await until("a second new session", () => station.count(/connected with .*, new session/) >= 2);
		const back = subscriber.highest();
		await subscriber.reaches(back + 2);
		await assertNothingLost(parts, station, subscriber);
	});

	scenario("Thirty seconds without a broker cost no reading.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
		const station = parts.station(broker, "--interval", "1s", "--speed", "4");
		await subscriber.reaches(2);
		await broker.stop();
		const before = subscriber.highest();
		// By the station's own clock: it waits between its attempts for as long as it says.
		const waited = () => station.disconnects.slice(0, -1).reduce((sum, { delay }) => sum + delay, 0);
		await until("thirty seconds", () => waited() >= 30);
		await broker.restart();
		await subscriber.reaches(before + 30);
		await assertNothingLost(parts, station, subscriber);
	});

	scenario("Ten broker restarts in a row cost no reading.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true });
		const station = parts.station(broker, "--interval", "1s", "--speed", "10");
		for (let restart = 1; restart <= 10; restart++) {
			await subscriber.reaches(subscriber.highest() + 3);
			await broker.stop();
			await broker.restart();
		}
		await subscriber.reaches(subscriber.highest() + 3);
		await assertNothingLost(parts, station, subscriber);
		assert.ok(station.summary.connections >= 11, `${station.summary.connections} connections`);
	});

	scenario("A broker that accepts and never answers is given up after 10 s, again and again.", async (parts) => {
		const broker = await parts.mosquitto();
		const proxy = await parts.proxy(broker);
		proxy.behaviour = "silent";
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(proxy, "--interval", "1s", "--speed", "20");
		await until("four attempts", () => station.disconnects.length >= 4);
		for (const [attempt, { reason, delay }] of station.disconnects.entries()) {
			assert.equal(reason, "no CONNACK within 10 s");
			assert.ok(delay <= 2 ** attempt, `after attempt ${attempt + 1} it waits ${delay} s`);
		}
		assert.ok(Math.max(...station.disconnects.map(({ delay }) => delay)) > 1, "the delays grow");
		proxy.behaviour = "transparent";
		await station.line(/connected with/);
		// 40 s of waiting for CONNACKs alone: it went on sampling all the while.
		await subscriber.reaches(40);
		await assertNothingLost(parts, station, subscriber);
	});

	scenario("A broker that falls silent under way is found out 9 s after a reading.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, "--interval", "1s", "--speed", "10");
		await subscriber.reaches(2);
		broker.pause();
		await station.line(/no PINGRESP within 6 s/);
		// The kernel goes on accepting connections for it.
		await station.line(/no CONNACK within 10 s/);
		broker.resume();
		await subscriber.reaches(subscriber.highest() + 30);
		await assertNothingLost(parts, station, subscriber);
	});

	scenario("A broker that falls silent between readings is found out by a missing PINGRESP.", async (parts) => {
		const config = join(parts.folder, "config.json");
		writeFileSync(config, JSON.stringify({ keepAlive: 5 }));
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(broker, "--config", config, "--interval", "1m", "--speed", "5");
		await subscriber.reaches(1);
		await until("a PINGREQ", () => broker.count(/Received PINGREQ from veleta-sim$/) >= 1);
		broker.pause();
		await station.line(/no PINGRESP within 6 s/);
		broker.resume();
		await until("the way back", () => station.count(/connected with/) >= 2);
		await subscriber.reaches(2);
		await assertNothingLost(parts, station, subscriber);
	});

	scenario("Bytes that come one by one make the same packets.", async (parts) => {
		const broker = await parts.mosquitto();
		const proxy = await parts.proxy(broker);
		proxy.behaviour = "bytewise";
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(proxy, "--interval", "1s", "--speed", "5");
		await subscriber.reaches(20);
		await assertNothingLost(parts, station, subscriber);
		// On a busy machine an answer may come late; no packet is misread, on either side.
		for (const { reason } of station.disconnects) assert.match(reason, /^no (CONNACK|acknowledgement|PINGRESP) within/);
		assert.equal(broker.count(/malformed|protocol error/i), 0);
	});

	scenario("Connections that are cut again and again cost no reading.", async (parts) => {
		const broker = await parts.mosquitto();
		const proxy = await parts.proxy(broker);
		const subscriber = await parts.subscriber(broker, "veleta/#");
		const station = parts.station(proxy, "--interval", "1s", "--speed", "10");
		await station.line(/connected with/);
		// In the middle of the handshake, and ever later.
		for (let cuts = 0; station.count(/connected with/) < 6; cuts++) {
			const { accepted } = proxy;
			proxy.cut();
			await until("another connection", () => proxy.accepted > accepted);
			await pause(cuts * 100);
		}
		await subscriber.reaches(subscriber.highest() + 20);
		await assertNothingLost(parts, station, subscriber);
	});
});
