/** What a world is like: its settings, its board, its network and its faults, all drawn from its seed. */
import { SENSORS, type SensorModel } from "../../../src/sensors/models.ts";
import type { Sleep } from "./board/board.ts";
import type { Crystal } from "./board/clock.ts";
import type { BrokerFaults } from "./broker/broker.ts";
import { type Active, drawFaults } from "./faults/draw.ts";
import type { Conditions } from "./network/network.ts";
import type { Random } from "./random.ts";

export const STATION_ID = "world";
export const TOPIC = `veleta/${STATION_ID}`;

export interface Plan {
	/** As a user would write them. */
	readonly settings: {
		readonly id: string;
		readonly topic: string;
		readonly broker: string;
		readonly sensor: SensorModel;
		readonly interval: number;
		readonly keepAlive: number;
		readonly qos: 0 | 1 | 2;
		readonly order: "newest" | "oldest";
		readonly full: "newest" | "oldest";
		readonly backlogRate: number;
		readonly diagnostics: number;
		readonly values?: true;
		readonly payload?: "cbor";
		readonly sleep?: true;
		readonly awake?: number;
	};
	/** `undefined`: the station stays awake. */
	readonly sleep: (Sleep & SleepPlan) | undefined;
	readonly crystal: Crystal;
	readonly asksForTime: boolean;
	readonly hasWifi: boolean;
	readonly keepsTime: boolean;
	/** Whether the wall clock is set at the first power-on. */
	readonly clockSet: boolean;
	/** Largest lateness of a timer, in ms. */
	readonly lateness: number;
	/** Blocks of flash; 0: the board has none. */
	readonly blocks: number;
	/** Of the flash's slots, the part that keeps nothing. */
	readonly worn: number;
	/** Where no fault is. */
	readonly conditions: Pick<Conditions, "latency" | "jitter">;
	readonly broker: Partial<BrokerFaults>;
	/** Who listens for WebSockets: the broker, or a proxy before it; `undefined`: MQTT goes without. */
	readonly webSocket: "broker" | "proxy" | undefined;
	readonly faults: readonly Active[];
	/** How long the faults go on, in ms. */
	readonly duration: number;
}

/** What a station that sleeps promises. */
export interface SleepPlan {
	/** Seconds awake, at most. */
	readonly awake: number;
	/** From one wake to the next, at most, in ms: the next reading is due, or the shortest sleep is over. */
	readonly cycle: number;
	/** From the last word to the will, in ms. */
	readonly lostAfter: number;
}

const DAY_MS = 86_400_000;
/** Share of the worlds in which the station sleeps between readings. */
const SLEEPERS = 1 / 6;
/** Seconds between their readings: a board sleeps to spare a battery, of which a wake each minute leaves little. */
const SLEEPY_INTERVALS = [900, 900, 600, 600, 300, 300, 120, 60];
/** Of the worlds, those with WebSockets. */
const WEB_SOCKETS = 1 / 5;
/** Seconds awake, at most. Where a network is joined slowly and the broker speaks 3.1 only, 9 are needed. */
const AWAKE = [10, 20, 20, 60];
/** Deviations of the oscillator that runs while the board sleeps, in parts per million. */
const SLEEP_DRIFTS = [0, 0, 500, -500, 20_000, -20_000];
/** Of an orderly goodbye, and of the shortest sleep, in ms. */
const FAREWELL_MS = 2_000;
const SLEEP_SHORTEST_MS = 1_000;
/** Seconds between readings: 1,400 readings a day on average. */
const INTERVALS = [600, 300, 120, 60, 60, 60, 60, 30, 30];
/** With these a world lasts for as many readings as a day of `BRISK_S` has. */
const SHORT_INTERVALS = [1, 2, 5, 10];
const BRISK_S = 60;
const MODELS = Object.keys(SENSORS) as SensorModel[];
/** Counters that are about to wrap, as signed and as unsigned numbers. */
const WRAPS = [0x7fff_ffff, 0xffff_ffff];

export function drawPlan(random: Random, days: number): Plan {
	const sensor = random.pick(MODELS);
	const brisk = random.chance(0.15);
	const awakeInterval = random.pick(brisk ? SHORT_INTERVALS : INTERVALS);
	// Streams of their own, so that worlds without sleep are what they would be if there were none.
	const dream = random.fork("sleep");
	const sleeps = dream.chance(SLEEPERS);
	const interval = Math.max(
		SENSORS[sensor],
		sleeps && !brisk ? random.fork("sleepy interval").pick(SLEEPY_INTERVALS) : awakeInterval,
	);
	const qos = random.pick([0, 1, 1, 1, 1, 2, 2] as const);
	const order = random.pick(["newest", "oldest"] as const);
	// A station that sends strictly in order must send faster than it measures.
	const backlogRate = Math.max(random.pick([0.5, 2, 10, 10, 50]), order === "oldest" ? 3 / interval : 0);
	const keepAlive = random.pick([10, 30, 60, 90, 90, 300, qos === 0 ? 60 : 0]);
	const asksForTime = random.chance(0.7);
	const sleep = sleeps ? drawSleep(dream, interval) : undefined;
	const webSocket = drawWebSocket(random.fork("websocket"));
	return {
		settings: {
			id: STATION_ID,
			topic: TOPIC,
			broker: webSocket ? "ws://broker.example" : "mqtt://broker.example",
			sensor,
			interval,
			keepAlive,
			qos,
			order,
			full: random.pick(["oldest", "oldest", "newest"] as const),
			backlogRate,
			diagnostics: random.pick([0, 900, 900, 60]),
			...(random.fork("values").chance(0.3) && { values: true }),
			...(random.fork("payload").chance(0.2) && { payload: "cbor" }),
			...(sleep && { sleep: true, awake: sleep.awake }),
		},
		sleep,
		crystal: {
			drift: random.chance(0.5) ? 0 : random.integer(-500, 500),
			counterStart: random.chance(0.5)
				? undefined
				: random.pick([0, ...WRAPS.map((wrap) => wrap - random.integer(0, 7_200_000))]),
		},
		asksForTime,
		hasWifi: random.chance(0.4),
		keepsTime: random.chance(0.3),
		clockSet: !asksForTime && random.chance(0.5),
		lateness: random.pick([0, 0, 5, 40]),
		blocks: random.chance(0.05) ? 0 : random.pick([4, 5, 6, 8, 16, 16]),
		worn: random.chance(0.1) ? 0.02 : 0,
		conditions: brisk
			? { latency: random.integer(1, 20), jitter: random.integer(0, 10) }
			: { latency: random.integer(1, 120), jitter: random.integer(0, 60) },
		broker: drawBroker(random, qos),
		webSocket,
		faults: drawFaults(random.fork("faults")),
		duration: days * DAY_MS * (interval / BRISK_S < 0.5 ? interval / BRISK_S : 1),
	};
}

function drawSleep(random: Random, interval: number): NonNullable<Plan["sleep"]> {
	const awake = random.pick(AWAKE);
	const longest = awake * 1_000 + FAREWELL_MS + SLEEP_SHORTEST_MS;
	return {
		awake,
		drift: random.pick(SLEEP_DRIFTS),
		hasty: random.chance(0.3),
		cycle: Math.max(interval * 1_000, longest),
		lostAfter: Math.ceil(2.5 * interval + awake) * 1_000,
	};
}

/** Likewise a stream of its own. */
function drawWebSocket(random: Random): Plan["webSocket"] {
	return random.chance(WEB_SOCKETS) ? random.pick(["broker", "proxy"] as const) : undefined;
}

/** What the broker is like all the time. */
function drawBroker(random: Random, qos: 0 | 1 | 2): Partial<BrokerFaults> {
	const limited = random.chance(0.4);
	return {
		protocolVersionMaximum: random.pick([5, 5, 5, 4, 4, 3] as const),
		limits: limited
			? {
					...(random.chance(0.5) && { receiveMaximum: random.integer(1, 10) }),
					...(qos === 2 && random.chance(0.3) && { maximumQoS: 1 as const }),
					...(random.chance(0.5) && { maximumPacketSize: random.integer(250, 1_000) }),
					...(random.chance(0.5) && { topicAliasMaximum: random.integer(1, 10) }),
					...(random.chance(0.3) && { serverKeepAlive: random.integer(10, 60) }),
				}
			: {},
	};
}
