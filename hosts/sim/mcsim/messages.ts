/**
 * The messages between the panel and the station's machine, as JSON: mcsim runs
 * the panel in a machine of its own.
 */
import type { LogLevel } from "../../../src/host.js";
import type { SensorModel } from "../../../src/sensors/models.js";
import type { Counters } from "../../../src/station/station.js";
import type { Weather } from "../devices/weather.js";

/** The state of the panel's sliders and switches; sent at each change, and when the machine has started. */
export interface Configuration {
	/** The weather at the sensor, set by hand; without it, the simulated weather. */
	readonly weather?: Weather;
	readonly sensorFault: boolean;
	readonly linkCut: boolean;
	/** The machine asked for its start, or slept before it. */
	readonly startedOnRequest?: boolean;
}

export type ToMachine = { readonly configuration: Configuration };

/** The station's state with its broker. */
export type LinkState = "offline" | "online" | "asleep";

/** The station's settings, without secrets. */
export interface Identity {
	readonly id: string;
	readonly sensor: SensorModel;
	/** `host:port`. */
	readonly broker: string;
	/** Seconds. */
	readonly interval: number;
	readonly keepAlive: number;
	readonly topic: string;
}

/** As it is published. */
export interface Report {
	readonly seq: number;
	/** °C, %, hPa. */
	readonly temperature: number;
	readonly humidity?: number;
	readonly pressure?: number;
	/** ISO 8601. */
	readonly time?: string;
}

export interface Status {
	/** Seconds. */
	readonly uptime: number;
	readonly totals: Counters;
	/** The weather at the sensor, now. */
	readonly weather: Weather;
}

/** One of these at a time. */
export type ToPanel =
	| { readonly identity: Identity }
	| { readonly connection: LinkState }
	/** It waits for the broker. */
	| { readonly report: Report }
	/** The broker has the report with this number. */
	| { readonly delivered: number }
	| { readonly status: Status }
	| { readonly line: { readonly level: LogLevel; readonly text: string } }
	/** The machine wants to be started anew after `after` ms: 0, or the time of its sleep. */
	| { readonly restart: { readonly after: number } };
