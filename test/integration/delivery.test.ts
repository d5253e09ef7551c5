/** A reading survives whatever happens to the station, its connection and its broker: on real parts. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { mayComeAgain, setAside, stopDelivered } from "../harness/delivery.ts";
import { DisturbingProxy } from "../harness/disturbing-proxy.ts";
import { RealStory } from "../harness/real-story.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";
import { judge } from "../scenarios/oracle.ts";
import { type Arrival, STORIES, type Story } from "../scenarios/stories.ts";

/** Connections that the disturbing network cuts. */
const CUTS = 15;
/** What it carries at least. */
const READINGS = 40;

const NEW_SESSION = /, new session$/;
/** The first byte of a packet. */
const PUBCOMP = 0x70;

/** How many readings a life was told to have from before. */
const FROM_BEFORE = /^station {2}(\d+) readings? from before waits? for the broker$/;

/** What is retained as the station's diagnostics tells the end of its last life. */
async function checkDiagnostics(parts: Parts, { broker, station }: RealStory): Promise<void> {
	const late = await parts.subscriber(broker, "veleta/sim/diagnostics");
	const { retain, qos, payload } = await late.message("the retained diagnostics", () => true);
	assert.deepEqual({ retain, qos }, { retain: true, qos: 1 });
	const told = JSON.parse(payload);
	const { readings, connections, redelivered, faults } = station.summary;
	assert.deepEqual({ dropped: told.dropped, rejected: told.rejected }, { dropped: 0, rejected: 0 });
	assert.ok(told.faults <= faults && told.connections >= 1 && told.connections <= connections, payload);
	assert.ok(told.readings <= readings && told.acknowledged <= told.published + told.redelivered, payload);
	const before = station.lines.reduce((sum, line) => sum + Number(FROM_BEFORE.exec(line)?.[1] ?? 0), 0);
	assert.ok(told.redelivered <= redelivered && told.queued <= told.readings + before, payload);
	assert.ok(told.erases >= 1 && told.writes >= told.readings, payload);
}

describe("Stories", { concurrency: 6 }, () => {
	for (const story of STORIES) {
		scenario(story.name, async (parts) => {
			await checkDiagnostics(parts, await RealStory.live(parts, story));
		});
	}

	scenario("A station tells at its start how many readings wait from before.", async (parts) => {
		const { stations, subscriber } = await RealStory.live(parts, {
			name: "a killed station without a broker",
			settings: { interval: 1 },
			speed: 4,
			steps: [
				{ at: 0, happening: "broker away", lasts: 16 },
				{ at: 10, happening: "power cut", lasts: 8 },
			],
			readings: 3,
		});
		assert.equal(stations[0]!.count(/from before/), 0);
		const line = await stations[1]!.line(FROM_BEFORE);
		const waited = Number(FROM_BEFORE.exec(line)![1]);
		// What the first life left, and what came after it, is all there is.
		const later = stations.slice(1).reduce((sum, { summary }) => sum + summary.readings, 0);
		assert.equal(waited + later, subscriber.highest());
	});

	scenario(
		"After an outage the newest reading comes first, the others follow in order and not too fast.",
		async (parts) => {
			const backlogRate = 2;
			const story: Story = {
				name: "a long outage",
				settings: { interval: 1, backlogRate },
				speed: 4,
				// The subscriber is not away, or it would hear of all at once.
				steps: [{ at: 8, happening: "connections refused", lasts: 28 }],
				readings: 20,
			};
			const { subscriber } = await RealStory.live(parts, story);
			const { arrivals } = subscriber;
			const { backlog, fresh } = afterOutage(arrivals);
			assert.ok(backlog.length >= 10, `only ${backlog.length} readings waited`);
			assert.deepEqual(
				backlog.map(({ seq }) => seq),
				backlog.map((_, index) => backlog[0]!.seq + index),
			);
			const last = backlog.at(-1)!;
			const between = fresh.filter(({ time }) => time < last.time);
			assert.ok(between.length >= 1, "no fresh reading went before the last that waited");
			const duration = last.time - backlog[0]!.time;
			const shortest = ((backlog.length - 1) * 1_000) / backlogRate / story.speed;
			// The subscriber tells when it was given time to read, which may be late. Without a pace they come at once.
			assert.ok(duration > shortest / 2, `${backlog.length} readings came in ${duration} ms`);
		},
	);

	for (const isSaved of [true, false]) {
		const session = isSaved ? "an older session" : "the connection's own session";
		scenario(
			`QoS 2: what a broker had of ${session} when it was restarted comes once, unless that is lost.`,
			async (parts) => {
				const broker = await parts.mosquitto();
				const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true, qos: 2 });
				const proxy = await parts.proxy(broker);
				const settings = { interval: 1, qos: 2 } as const;
				const speed = 4;
				const station = parts.station(proxy, ...parts.config(settings), "--speed", String(speed));
				await station.line(NEW_SESSION);
				// Mosquitto saves no session that has begun on the connection that it has at its end.
				if (isSaved) {
					proxy.cut();
					await station.line(/, session resumed$/);
				}
				await subscriber.reaches(subscriber.highest() + 1);
				proxy.losesFrom = PUBCOMP;
				await until("a PUBCOMP that gets lost", () => proxy.losses > 0);
				await broker.stop();
				proxy.losesFrom = undefined;
				const told = station.lines.length;
				await broker.restart();
				const isLost = NEW_SESSION.test(await station.line(/: connected with/, told));
				if (isSaved) assert.ok(!isLost);
				await subscriber.reaches(subscriber.highest() + 2);
				const { lives } = await stopDelivered(parts, station, subscriber);
				const story = { name: "", settings, speed, steps: [], readings: 4, exactlyOnce: true };
				judge(subscriber.arrivals, story, 4, mayComeAgain(lives));
				if (isLost) assert.ok(subscriber.arrivals.length > subscriber.highest(), "nothing came again");
			},
		);
	}

	scenario("QoS 2 is exactly once on a network that splits, delays and cuts.", async (parts) => {
		const broker = await parts.mosquitto();
		const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true, qos: 2 });
		const proxy = await DisturbingProxy.start({ target: broker.port, seed: 1, cuts: CUTS, sparesConnack: false });
		try {
			const settings = { interval: 1, qos: 2, backlogRate: 1_000 } as const;
			const speed = 20;
			const station = parts.station(proxy, ...parts.config(settings), "--speed", String(speed));
			await until(
				`${CUTS} cuts`,
				() => proxy.cut >= CUTS,
				() => proxy.cut,
			);
			await proxy.calm();
			await subscriber.reaches(Math.max(READINGS, subscriber.highest() + 10));
			await until(
				"every reading that is not set aside",
				() => subscriber.missing <= setAside(station),
				() => subscriber.missing,
			);
			const { lives } = await stopDelivered(parts, station, subscriber);
			const story = { name: "", settings, speed, steps: [], readings: READINGS, exactlyOnce: true };
			judge(subscriber.arrivals, story, READINGS, mayComeAgain(lives));
		} finally {
			proxy.close();
		}
	});
});

/** What came after the longest silence: the readings that had waited, and those that were newer than all of them. */
function afterOutage(arrivals: readonly Arrival[]): { backlog: Arrival[]; fresh: Arrival[] } {
	const silences = arrivals.slice(1).map(({ time }, index) => time - arrivals[index]!.time);
	const end = silences.indexOf(Math.max(...silences)) + 1;
	const known = new Set(arrivals.slice(0, end).map(({ seq }) => seq));
	// What was in flight when the broker went is sent again before everything else.
	const inFlight = Math.max(...known) + 2;
	const after = arrivals.slice(end).filter(({ seq }) => seq > inFlight);
	const first = after[0]!;
	return { backlog: after.filter(({ seq }) => seq < first.seq), fresh: after.filter(({ seq }) => seq >= first.seq) };
}
