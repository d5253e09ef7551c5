/**
 * A day of recorded and misbehaving answers in simulated time, with outages of the broker and restarts: what is asked for,
 * and what arrives. Only the clock, HTTP and MQTT are simulated.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Get } from "../../../commands/aemet/http.ts";
import { OpenData } from "../../../commands/aemet/opendata.ts";
import { placesOf } from "../../../commands/aemet/place-settings.ts";
import type { Place, PlaceStatus } from "../../../commands/aemet/places.ts";
import { type PlacePublisher, Wrapper } from "../../../commands/aemet/wrapper.ts";
import { makeFolder } from "../../../hosts/node/folders.js";
import { Random } from "../../../hosts/sim/world/random.ts";
import type { TimerPort } from "../../../src/host.ts";
import type { Message } from "../../../src/net/mqtt/message.ts";
import { AemetAnswers, KEY, MISBEHAVIOUR, type Misbehaviour } from "../../harness/aemet-answers.ts";
import { SimulatedTime } from "../../harness/simulated-time.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-aemet-day-"));
after(() => rmSync(folder, { recursive: true }));
let worlds = 0;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const START = Date.UTC(2026, 5, 1, 0, 7);
const ORIGIN = "https://opendata.aemet.es";
/** From a message's arrival at the broker to its acknowledgement. */
const ACKNOWLEDGED_MS = SECOND_MS;

class World {
	readonly time = new SimulatedTime(START);
	readonly answers = new AemetAnswers(ORIGIN, () => this.time.now);
	/** What has reached the broker, in order. */
	readonly arrived: { readonly topic: string; readonly payload: string }[] = [];
	readonly statuses: { readonly at: number; readonly topic: string; readonly status: PlaceStatus }[] = [];
	readonly told: string[] = [];
	isBrokerAway = false;
	/** Messages that had arrived when the program was killed, and were not acknowledged. */
	cut = 0;
	private readonly _folder = makeFolder(join(folder, `world-${++worlds}`))!;
	private _end = () => {};
	private _onBroker: (() => void)[] = [];

	/** Another life, behind the end of the one before. */
	start(stations: readonly string[], municipalities: readonly string[]): void {
		this._end();
		const { timer, end } = this.time.life();
		const pause = (duration: number) => new Promise<void>((resolve) => void timer.set(resolve, duration));
		const get: Get = (url, { headers, timeout }) =>
			new Promise((resolve, reject) => {
				assert.ok(url.startsWith(`${ORIGIN}/opendata/`), url);
				const answer = this.answers.answer(url.slice(ORIGIN.length), headers.api_key);
				if (answer) timer.set(() => resolve(answer), SECOND_MS);
				else timer.set(() => reject(new Error("no whole answer in time")), timeout);
			});
		const now = () => this.time.now;
		const publishers: SimulatedPublisher[] = [];
		new Wrapper({
			...placesOf({ station: stations, municipality: municipalities, base: "aemet", values: false }),
			...{ homeAssistant: "", folder: this._folder, seed: "seed" },
			api: new OpenData({ key: KEY, get, now, pause }),
			publisherOf: (place) => {
				const publisher = new SimulatedPublisher(place, timer, this);
				publishers.push(publisher);
				return publisher;
			},
			...{ now, timer, tell: (text) => this.told.push(text) },
			// Nothing is killed while it writes, so that no disk need be waited for.
			write: (path, content) => writeFileSync(path, content),
		}).start();
		this._onBroker = publishers.map((publisher) => () => publisher.wake());
		this._end = () => {
			this.cut += publishers.filter(({ isInFlight }) => isInFlight).length;
			end();
		};
	}

	brokerReturns(): void {
		this.isBrokerAway = false;
		for (const wake of this._onBroker) wake();
	}

	/** The times of a station's observations, as they arrived. */
	observations(station: string, level: "state" | "late"): number[] {
		return this.arrived
			.filter(({ topic }) => topic === `aemet/${station}/${level}`)
			.map(({ payload }) => Date.parse(JSON.parse(payload).time));
	}

	requests(step: 1 | 2): number {
		return this.answers.requests.filter((request) => request.step === step).length;
	}
}

class SimulatedPublisher implements PlacePublisher {
	private readonly _place: Place;
	private readonly _timer: TimerPort;
	private readonly _world: World;
	isInFlight = false;

	constructor(place: Place, timer: TimerPort, world: World) {
		this._place = place;
		this._timer = timer;
		this._world = world;
	}

	set status(status: PlaceStatus) {
		const { statuses, time } = this._world;
		const { topic } = this._place;
		if (statuses.findLast((told) => told.topic === topic)?.status !== status)
			statuses.push({ at: time.now, topic, status });
	}

	start(): void {
		this.wake();
	}

	wake(): void {
		const message: Message | undefined = this._place.next();
		if (!message || this.isInFlight || this._world.isBrokerAway) return;
		this.isInFlight = true;
		this._world.arrived.push({ topic: message.topic, payload: Buffer.from(message.payload).toString() });
		this._timer.set(() => {
			this.isInFlight = false;
			this._place.taken(message);
			this.wake();
		}, ACKNOWLEDGED_MS);
	}

	async stop(): Promise<void> {}
}

/** From one hour since 1970 to another, both included. */
const hours = (from: number, to: number) =>
	Array.from({ length: Math.floor(to / HOUR_MS) - Math.floor(from / HOUR_MS) + 1 }, (_, index) => {
		return (Math.floor(from / HOUR_MS) + index) * HOUR_MS;
	});

function assertPolite({ answers }: World): void {
	const at = answers.requests.map((request) => request.at);
	for (const [index, time] of at.entries())
		if (index > 0) assert.ok(time - at[index - 1]! >= 5 * SECOND_MS, `request ${index}`);
}

test("an undisturbed day: each observation once, 25 requests for them, five for each forecast", async () => {
	const world = new World();
	world.start(["3195"], ["28065"]);
	await world.time.runTo(START + 24 * HOUR_MS);
	assertPolite(world);
	assert.equal(world.requests(1), 25 + 5 + 5);
	assert.equal(world.requests(2), world.requests(1));
	assert.deepEqual(world.observations("3195", "state"), hours(START - 11 * HOUR_MS, START + 23 * HOUR_MS + MINUTE_MS));
	assert.deepEqual(world.observations("3195", "late"), []);
	for (const kind of ["daily", "hourly"]) {
		const issued = world.arrived
			.filter(({ topic }) => topic === `aemet/28065/forecast/${kind}`)
			.map(({ payload }) => JSON.parse(payload).issued);
		// Of the first one, another request may have got the same again.
		assert.ok(issued.length >= 4, kind);
		assert.equal(new Set(issued).size, issued.length, kind);
	}
	assert.deepEqual(
		world.statuses.map(({ topic, status }) => `${topic} ${status}`),
		["aemet/3195 stale", "aemet/28065 stale", "aemet/3195 online", "aemet/28065 online"],
	);
});

test("a day of all misbehaviour, broker outages and 20 restarts: none lost, none twice but what a kill has cut off", async () => {
	for (let seed = 1; seed <= 5; seed++) {
		const world = new World();
		const { time, answers } = world;
		const random = new Random(seed);
		const kinds = Object.keys(MISBEHAVIOUR).map((kind) => (/^\d+$/.test(kind) ? Number(kind) : kind)) as Misbehaviour[];
		// A refused key is an hour of silence, so at one of many restarts only.
		const usual = kinds.filter((kind) => kind !== 401);
		const late = START + (3 + Math.floor(random.next() * 6)) * HOUR_MS;
		const [first] = hours(late, late) as [number];
		answers.late.set(first, first + 3 * HOUR_MS);
		const end = START + 30 * HOUR_MS;
		const restarts = Array.from({ length: 20 }, () => START + random.next() * 24 * HOUR_MS);
		// Some of them while something is on its way.
		const events = [
			...restarts.map((at) => ({ at, what: "restart" })),
			...[4, 9, 17].flatMap((hour) => [
				{ at: START + hour * HOUR_MS, what: "broker away" },
				{ at: START + (hour + 2.5) * HOUR_MS, what: "broker back" },
			]),
			...Array.from({ length: 12 }, () => ({ at: START + random.next() * 24 * HOUR_MS, what: "misbehave" })),
			{ at: START + 12 * HOUR_MS, what: "401" },
		].sort((a, b) => a.at - b.at);
		world.start(["3195", "5906X"], ["28065"]);
		answers.misbehave(1, ...usual.slice(0, 3));
		for (const { at, what } of events) {
			await time.runTo(at);
			if (what === "restart") {
				world.start(["3195", "5906X"], ["28065"]);
				// The old form of fint by turns.
				answers.tellsZone = !answers.tellsZone;
			} else if (what === "broker away") world.isBrokerAway = true;
			else if (what === "broker back") {
				world.brokerReturns();
				// The first message is at the broker, and its acknowledgement on the way.
				await time.runTo(time.now + ACKNOWLEDGED_MS / 2);
				world.start(["3195", "5906X"], ["28065"]);
			} else if (what === "401") answers.misbehave(1, 401);
			else answers.misbehave(random.next() < 0.5 ? 1 : 2, usual[Math.floor(random.next() * usual.length)]);
		}
		await time.runTo(end);
		const about = `seed ${seed}`;
		assertPolite(world);
		let twice = 0;
		for (const station of ["3195", "5906X"]) {
			const state = world.observations(station, "state");
			const all = [...state, ...world.observations(station, "late")];
			const each = [...new Set(all)].sort((a, b) => a - b);
			// The last request was within the last hour.
			const expected = hours(START - 11 * HOUR_MS, end - HOUR_MS);
			assert.deepEqual(each.slice(0, expected.length), expected, `${about}, ${station}`);
			twice += all.length - each.length;
			// In order: a message that a kill has cut off comes again at once.
			assert.deepEqual(
				state,
				state.toSorted((a, b) => a - b),
				`${about}, ${station}`,
			);
		}
		const forecasts = world.arrived.filter(({ topic }) => topic.includes("/forecast/"));
		twice += forecasts.length - new Set(forecasts.map(({ topic, payload }) => `${topic} ${payload}`)).size;
		assert.equal(twice, world.cut, about);
		assert.ok(world.cut > 0, about);
		// Hourly and six-hourly ones, what had to be asked for again, and nothing beyond.
		assert.ok(world.requests(1) < 2 * 31 + 2 * 6 + 12 + 3 + 1 + 26, `${about}: ${world.requests(1)} requests`);
	}
});

test("a key that is refused: one request an hour, over restarts, and it is said", async () => {
	const world = new World();
	world.answers.misbehave(1, ...Array<Misbehaviour>(100).fill(401));
	for (let minute = 0; minute < 300; minute += 20) {
		await world.time.runTo(START + minute * MINUTE_MS);
		world.start(["3195"], ["28065"]);
	}
	await world.time.runTo(START + 300 * MINUTE_MS);
	assert.equal(world.requests(1), 5);
	assert.match(world.told[0]!, /^observations 3195: the key is not taken \(401\); the next request in 60 min$/);
	assert.doesNotMatch(world.told.join(), /eyJ/);
});

test("too many requests: waits that double, told once", async () => {
	const world = new World();
	world.answers.misbehave(1, ...Array<Misbehaviour>(5).fill(429));
	world.start(["3195"], []);
	await world.time.runTo(START + 40 * MINUTE_MS);
	const at = world.answers.requests.map((request) => Math.round((request.at - START) / MINUTE_MS));
	assert.deepEqual(at.slice(0, 6), [0, 1, 3, 7, 15, 31]);
	assert.equal(world.told.filter((text) => text.includes("429")).length, 1);
});

test("an answer that cannot be understood is one that failed, and no end", async () => {
	const world = new World();
	world.answers.misbehave(2, "what no text can be made of", "what no text can be made of");
	world.start(["3195"], ["28065"]);
	await world.time.runTo(START + 10 * MINUTE_MS);
	assert.ok(world.observations("3195", "state").length > 0);
	assert.equal(world.arrived.filter(({ topic }) => topic.startsWith("aemet/28065/forecast/")).length, 2);
	assert.equal(world.told.filter((text) => text.includes("cannot be understood")).length, 2, world.told.join("\n"));
});

test("a station that stops for a day is stale after three hours, and online again with its next observation", async () => {
	const world = new World();
	const { answers, time } = world;
	answers.stopsAt = START + 2 * HOUR_MS;
	world.start(["3195"], []);
	await time.runTo(START + 26 * HOUR_MS);
	answers.stopsAt = Number.POSITIVE_INFINITY;
	await time.runTo(START + 28 * HOUR_MS);
	assert.deepEqual(
		world.statuses.map(({ status }) => status),
		["stale", "online", "stale", "online"],
	);
	const [, , stale] = world.statuses;
	const stopped = Math.floor((START + 2 * HOUR_MS) / HOUR_MS) * HOUR_MS;
	assert.ok(stale!.at > stopped + 3 * HOUR_MS && stale!.at <= stopped + 3 * HOUR_MS + 2 * MINUTE_MS);
	const state = world.observations("3195", "state");
	assert.deepEqual(
		state,
		[...new Set(state)].sort((a, b) => a - b),
	);
});

test("a program that is killed in each of its requests asks for each thing once a minute, 5 s apart", async () => {
	const world = new World();
	const { time } = world;
	const end = START + 10 * MINUTE_MS;
	while (time.now < end) {
		const before = world.requests(1);
		world.start(["3195", "5906X"], []);
		// Until it asks, and is not answered yet; or for a minute.
		for (let step = 0; step < 120 && world.requests(1) === before; step++) await time.runTo(time.now + SECOND_MS / 2);
	}
	assertPolite(world);
	for (const station of ["3195", "5906X"]) {
		const asked = world.answers.requests.filter(({ path }) => path.endsWith(station)).length;
		assert.ok(asked >= 5 && asked <= 11, `${asked} requests for ${station}`);
	}
});
