/** The panel's counterpart in the station's machine: applies the user's controls to chips and cables, and reports. */
import type { Clock, Host, LogLevel, TimerPort } from "../../../src/host.js";
import { showAddress } from "../../../src/net/broker-url.js";
import { reportText } from "../../../src/net/report.js";
import type { Settings } from "../../../src/settings.js";
import type { Station } from "../../../src/station/station.js";
import type { SimulatedSensor } from "../devices/simulated-sensor.js";
import { unsteady, type Weather, weatherAt } from "../devices/weather.js";
import type { Cable } from "./cable.js";
import type { ToMachine, ToPanel } from "./messages.js";

/** Between two messages with the weather and the counters to the panel, in ms. */
const STATUS_MS = 500;
/** Readings on their way to the broker whose numbers are known; more than the session has in flight. */
const SENT_MAXIMUM = 64;
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
	private readonly _options: RemotePanelOptions;
	/** Known when the station starts. */
	startedOnRequest = false;
	private _weather: Weather | undefined;
	private _sensorFault = false;
	private _sensor: SimulatedSensor | undefined;
	private _settings: Settings | undefined;
	private _station: Station | undefined;
	private _startedAt = 0;
	/** The numbers of readings on their way, by their handles. */
	private readonly _sent = new Map<number, number>();
	private _onConfigured: (() => void) | undefined;

	constructor(options: RemotePanelOptions) {
		this._options = options;
		const { clock, post } = options;
		this.observer = {
			onReading: (seq, sample) => {
				const time = clock.time();
				post({ report: JSON.parse(reportText({ seq, time, sample }, this._settings!)) });
				this._postStatus();
			},
			onSent: (seq, handle) => {
				this._sent.set(handle, seq);
				if (this._sent.size <= SENT_MAXIMUM) return;
				for (const oldest of this._sent.keys()) return void this._sent.delete(oldest);
			},
			onDelivered: (handle) => {
				const seq = this._sent.get(handle);
				this._sent.delete(handle);
				if (seq !== undefined) post({ delivered: seq });
				this._postStatus();
			},
			onState: (connection) => {
				post({ connection });
				this._postStatus();
			},
		};
	}

	/** The weather at the sensor, now. */
	weather(): Weather {
		const { clock, seed } = this._options;
		const time = clock.time() ?? 0;
		return this._weather ? unsteady(this._weather, time) : weatherAt(time, seed);
	}

	/** Calls back once, when the sliders and switches are known. */
	whenConfigured(callback: () => void): void {
		this._onConfigured = callback;
		this._options.timer.set(() => this._start(), PATIENCE_MS);
	}

	/** A message of the panel. */
	configure({ configuration: { weather, sensorFault, linkCut, startedOnRequest = false } }: ToMachine): void {
		this.startedOnRequest = startedOnRequest;
		this._weather = weather;
		this._options.cable.cut = linkCut;
		this._sensorFault = sensorFault;
		this._sensor?.silence(sensorFault);
		this._start();
	}

	/** Tells the panel the station's identity, and takes the sensor that its switch silences. */
	introduce(settings: Settings, sensor: SimulatedSensor): void {
		const { id, sensor: model, broker, interval, keepAlive, topic } = settings;
		this._settings = settings;
		this._sensor = sensor;
		sensor.silence(this._sensorFault);
		this._options.post({ identity: { id, sensor: model, broker: showAddress(broker), interval, keepAlive, topic } });
	}

	/** From now on the panel shows this station. */
	watch(station: Station): void {
		this._station = station;
		this._startedAt = this._options.clock.now();
		this._tick();
	}

	log(level: LogLevel, text: string): void {
		this._options.post({ line: { level, text } });
	}

	/** Asks for a start anew, `after` ms from now. */
	restart(after: number): void {
		this._postStatus();
		this._options.post({ restart: { after } });
	}

	private _start(): void {
		const start = this._onConfigured;
		this._onConfigured = undefined;
		start?.();
	}

	private _tick(): void {
		this._postStatus();
		this._options.timer.set(() => this._tick(), STATUS_MS);
	}

	private _postStatus(): void {
		const { clock, post } = this._options;
		if (!this._station) return;
		const uptime = Math.floor((clock.now() - this._startedAt) / 1_000);
		post({ status: { uptime, totals: this._station.counters, weather: this.weather() } });
	}
}
