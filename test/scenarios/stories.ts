/**
 * What happens to a station on its way to a broker, told once. A story is lived
 * through twice: by real parts (`test/harness/real-story.ts`), and in the
 * simulated world (`test/harness/simulated-story.ts`).
 */

export type Happening =
	/** Nobody listens, and connections are reset; the broker remembers its sessions. */
	| "broker away"
	/** The station dies in the middle of whatever it does (`kill -9`), and is started again. */
	| "power cut"
	/** Every connection is reset. Lasts no time. */
	| "connections reset"
	/** Connections are reset, and refused. */
	| "connections refused"
	/** Nothing passes, and nobody is told: a half-open connection. What was on its way arrives late. */
	| "link lost";

export interface Step {
	/** Seconds of the station's time since the story began. What begins at 0 is there before the station is. */
	readonly at: number;
	readonly happening: Happening;
	/** Seconds. */
	readonly lasts?: number;
}

export interface Story {
	readonly name: string;
	/** As in `config.json`. */
	readonly settings: {
		readonly qos?: 0 | 1 | 2;
		readonly order?: "newest" | "oldest";
		readonly [setting: string]: unknown;
	};
	/** Seconds of the station's time in a second of the real parts'. */
	readonly speed: number;
	readonly steps: readonly Step[];
	/** Of the story on real parts, at least: fewer would prove little. */
	readonly readings: number;
	/** A reading comes once, as long as both ends have the session; or (false) at least once. */
	readonly exactlyOnce?: boolean;
}

/** What a subscriber with an unbroken connection received. */
export interface Arrival {
	readonly seq: number;
	/** It came at `late`, not at `state`. */
	readonly isLate: boolean;
	/** The report as it came. */
	readonly payload: string;
	/** In ms, of the clock that the story's times are of. */
	readonly time: number;
}

const times = <Value>(count: number, make: (index: number) => Value) =>
	Array.from({ length: count }, (_, index) => make(index));

export const STORIES: readonly Story[] = [
	{
		name: "A broker that is away, and a station that is killed twice in between.",
		settings: { interval: 1 },
		speed: 4,
		steps: [
			{ at: 8, happening: "broker away", lasts: 40 },
			{ at: 16, happening: "power cut", lasts: 4 },
			{ at: 32, happening: "power cut", lasts: 4 },
		],
		readings: 10,
	},
	{
		name: "A broker that is away for ten minutes: what is retained afterwards never goes back.",
		settings: { interval: 10 },
		speed: 40,
		steps: [{ at: 60, happening: "broker away", lasts: 600 }],
		readings: 60,
	},
	{
		name: "Ten power cuts in a row, in the middle of many quick readings.",
		settings: { interval: 1 },
		speed: 40,
		steps: times(10, (index) => ({ at: 20 + index * 60, happening: "power cut", lasts: 10 })),
		readings: 15,
	},
	{
		name: "A station that begins while the broker is away, is killed, and begins again when it is there.",
		settings: { interval: 1 },
		speed: 4,
		steps: [
			{ at: 0, happening: "broker away", lasts: 18 },
			{ at: 12, happening: "power cut", lasts: 8 },
		],
		readings: 8,
	},
	{
		name: "Connections that are reset and refused, and power cuts between them.",
		settings: { interval: 1 },
		speed: 4,
		steps: [
			{ at: 8, happening: "connections reset" },
			{ at: 16, happening: "connections refused", lasts: 4 },
			{ at: 18, happening: "power cut", lasts: 4 },
			{ at: 28, happening: "connections reset" },
			{ at: 28.2, happening: "power cut", lasts: 4 },
		],
		readings: 10,
	},
	{
		name: "A link that is lost without notice, with a power cut on either side of its return.",
		settings: { interval: 1 },
		speed: 4,
		steps: [
			{ at: 8, happening: "link lost", lasts: 24 },
			{ at: 26, happening: "power cut", lasts: 4 },
			{ at: 36, happening: "power cut", lasts: 4 },
		],
		readings: 10,
	},
	{
		name: "Everything at once, in the order of the numbers.",
		settings: { interval: 1, order: "oldest", backlogRate: 50 },
		speed: 4,
		steps: [
			{ at: 8, happening: "broker away", lasts: 12 },
			{ at: 12, happening: "power cut", lasts: 4 },
			{ at: 26, happening: "connections reset" },
			{ at: 32, happening: "link lost", lasts: 8 },
			{ at: 34, happening: "power cut", lasts: 4 },
		],
		readings: 10,
	},
	{
		name: "QoS 2, with a broker that is away and connections that are reset.",
		settings: { interval: 1, qos: 2 },
		speed: 4,
		steps: [
			// Mosquitto saves no session that has begun on the connection that it has at its end.
			{ at: 4, happening: "connections reset" },
			{ at: 16, happening: "broker away", lasts: 12 },
			...times(6, (index) => ({ at: 38 + index * 3, happening: "connections reset" as const })),
		],
		readings: 10,
		exactlyOnce: true,
	},
	{
		name: "QoS 2 with power cuts: nothing is lost, though what was in flight may come twice.",
		settings: { interval: 1, qos: 2 },
		speed: 20,
		steps: [
			...times(4, (index) => ({ at: 30 + index * 50, happening: "power cut" as const, lasts: 10 })),
			{ at: 240, happening: "link lost", lasts: 10 },
			{ at: 244, happening: "power cut", lasts: 4 },
		],
		readings: 15,
	},
];
