/** The panel, as the station's machine knows it: it turns what the user sets into chips and cables, and tells what happens. */
import type { Clock, Host, LogLevel, TimerPort } from "../../../src/host.js";
import { showAddress } from "../../../src/net/broker-url.js";
import { reportPayload } from "../../../src/net/report.js";
import type { Settings } from "../../../src/settings.js";
import type { Station } from "../../../src/station.js";
import type { SimulatedSensor } from "../devices/simulated-sensor.js";
import { unsteady, type Weather, weatherAt } from "../devices/weather.js";
import type { Cable } from "./cable.js";
import type { ToMachine, ToPanel } from "./messages.js";

/** Between two times that the panel is told of the weather and the counters, in ms. */
const STATUS_MS = 500;
/** Without a word from a panel, in ms, the station starts all the same: mcsim may show another simulator. */
const PATIENCE_MS = 1_000;

export interface RemotePanelOptions {
	readonly clock: Clock;
	readonly timer: TimerPort;
	readonly cable: Cable;
	/** Another seed, another place with other weather. */
	readonly seed: number;
	readonly post: (message: ToPanel) => void;
}

export class RemotePanel {
	readonly observer: NonNullable<Host["observer"]>;
	readonly #options: RemotePanelOptions;
	/** Known when the station starts. */
	startedOnRequest = false;
	#weather: Weather | undefined;
	#sensor: SimulatedSensor | undefined;
	#station: Station | undefined;
	#startedAt = 0;
	#onConfigured: (() => void) | undefined;

	constructor(options: RemotePanelOptions) {
		this.#options = options;
		const { clock, post } = options;
		this.observer = {
			onReading: (seq, sample) => {
				const time = clock.time();
				post({ report: JSON.parse(reportPayload({ seq, time, sample })) });
				this.#postStatus();
			},
			onState: (connection) => {
				post({ connection });
				this.#postStatus();
			},
		};
	}

	/** What surrounds the sensor now. */
	weather(): Weather {
		const { clock, seed } = this.#options;
		const time = clock.time() ?? 0;
		return this.#weather ? unsteady(this.#weather, time) : weatherAt(time, seed);
	}

	/** The sensor that the panel's switch silences. */
	connect(sensor: SimulatedSensor): void {
		this.#sensor = sensor;
	}

	/** Calls back once, when the sliders and switches are known. */
	whenConfigured(callback: () => void): void {
		this.#onConfigured = callback;
		this.#options.timer.set(() => this.#start(), PATIENCE_MS);
	}

	/** What the panel sent. */
	configure({ configuration: { weather, sensorFault, linkCut, startedOnRequest = false } }: ToMachine): void {
		this.startedOnRequest = startedOnRequest;
		this.#weather = weather;
		this.#options.cable.cut = linkCut;
		this.#sensor?.silence(sensorFault);
		this.#start();
	}

	/** The panel gets to know what station this is. */
	introduce({ id, sensor, broker, interval, keepAlive, topic }: Settings): void {
		this.#options.post({ identity: { id, sensor, broker: showAddress(broker), interval, keepAlive, topic } });
	}

	/** From now on the panel shows what this station does. */
	watch(station: Station): void {
		this.#station = station;
		this.#startedAt = this.#options.clock.now();
		this.#tick();
	}

	log(level: LogLevel, text: string): void {
		this.#options.post({ line: { level, text } });
	}

	/** Asks for a start anew, `after` ms from now. */
	restart(after: number): void {
		this.#postStatus();
		this.#options.post({ restart: { after } });
	}

	#start(): void {
		const start = this.#onConfigured;
		this.#onConfigured = undefined;
		start?.();
	}

	#tick(): void {
		this.#postStatus();
		this.#options.timer.set(() => this.#tick(), STATUS_MS);
	}

	#postStatus(): void {
		const { clock, post } = this.#options;
		if (!this.#station) return;
		const uptime = Math.floor((clock.now() - this.#startedAt) / 1_000);
		post({ status: { uptime, totals: this.#station.counters, weather: this.weather() } });
	}
}
