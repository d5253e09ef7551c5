/** The station: sampler, outbox and session joined. */
import type { Bytes, Host } from "./host.js";
import { Backoff } from "./net/backoff.js";
import { showAddress } from "./net/broker-url.js";
import { Link } from "./net/link.js";
import { type Message, Session } from "./net/mqtt/session.js";
import { Outbox } from "./net/outbox.js";
import { decodeRecord, encodeRecord } from "./net/record.js";
import { reportPayload } from "./net/report.js";
import { BME280 } from "./sensors/bme280.js";
import { DHT } from "./sensors/dht.js";
import { Sampler } from "./sensors/sampler.js";
import type { Sample, Sensor } from "./sensors/sensor.js";
import { Sequence } from "./sequence.js";
import type { Settings } from "./settings.js";

/** Given to deliver what is queued when the station is stopped, in ms. */
const FAREWELL_MS = 2_000;

/** A DHT answers with what it measured when it was asked before. From this interval on, in s, it is asked twice. */
const STALE_S = 10;

/** What the station has done since it started. */
export interface Counters {
	/** Readings accepted by the outbox. */
	readings: number;
	/** Measurements that gave no reading. */
	faults: number;
	/** Readings sent for the first time, and sent again after a reconnect. */
	published: number;
	redelivered: number;
	/** Readings that the broker has. */
	acknowledged: number;
	/** Readings that a full outbox dropped. */
	dropped: number;
	/** Readings that wait. */
	queued: number;
	/** Connections that the broker accepted. */
	connections: number;
}

/** A report under way; `handle` is the outbox's, and missing in the status message of a farewell. */
interface Report extends Message {
	readonly handle?: number;
}

export class Station {
	readonly #host: Host;
	readonly #settings: Settings;
	readonly #outbox: Outbox;
	readonly #sequence: Sequence;
	readonly #sampler: Sampler;
	readonly #link: Link<Report>;
	readonly #counters = { readings: 0, faults: 0, published: 0, redelivered: 0, acknowledged: 0, connections: 0 };
	#samplerTimer: unknown;
	#farewell: { readonly message: Report; readonly onStopped: () => void; timer: unknown; sent: boolean } | undefined;

	/** Throws an Error where the host has no bus for the sensor. */
	constructor(host: Host, settings: Settings) {
		this.#host = host;
		this.#settings = settings;
		this.#outbox = new Outbox(settings.outbox);
		this.#sequence = new Sequence(host.storage, (error) =>
			host.log("error", `cannot store the sequence number: ${error}`),
		);
		this.#sampler = new Sampler({
			sensor: createSensor(host, settings),
			interval: settings.interval * 1_000,
			onSample: (sample, now) => this.#sampled(sample, now),
			onFault: (reason) => this.#fault(reason),
			onUnavailable: () => host.log("error", `the ${settings.sensor} does not work; readings resume when it does`),
			onRecovered: () => host.log("info", `the ${settings.sensor} works again`),
		});
		this.#link = this.#createLink();
	}

	get counters(): Counters {
		return { ...this.#counters, dropped: this.#outbox.dropped, queued: this.#outbox.length };
	}

	/** Whether an answer from the network is due. */
	get awaiting(): boolean {
		return this.#link.awaiting;
	}

	start(): void {
		this.#link.start();
		this.#sample();
	}

	/** Ends in good order: no more samples, deliver what is queued for at most `FAREWELL_MS`, say `offline`, disconnect. */
	stop(onStopped: () => void): void {
		if (this.#farewell) return;
		const { timer: timers } = this.#host;
		if (this.#samplerTimer !== undefined) timers.clear(this.#samplerTimer);
		this.#sampler.close();
		const timer = timers.set(() => this.#stopped(), FAREWELL_MS);
		this.#farewell = { message: this.#status("offline"), onStopped, timer, sent: false };
		this.#link.wake();
	}

	#createLink(): Link<Report> {
		const host = this.#host;
		const { network, clock, timer } = host;
		const { broker, id, keepAlive, username, password } = this.#settings;
		const address = showAddress(broker);
		const clientId = `veleta-${id}`;
		return new Link({
			network,
			clock,
			timer,
			broker,
			backoff: new Backoff({ random: () => host.random() }),
			session: new Session<Report>({
				clientId,
				keepAlive,
				username,
				password,
				will: { ...this.#status("offline"), qos: 1 },
				birth: this.#status("online"),
				nextMessage: () => this.#nextReport(),
				onConnect: (sessionPresent) => {
					this.#counters.connections++;
					host.log("info", `connected to ${address}, ${sessionPresent ? "session resumed" : "new session"}`);
				},
				onPublish: (report, redelivered) => {
					if (report.handle !== undefined) this.#counters[redelivered ? "redelivered" : "published"]++;
				},
				onAcknowledge: (report) => this.#acknowledged(report),
			}),
			onDisconnect: (reason, retryDelay) => {
				host.log("warning", `${address}: ${reason}; next attempt in ${(retryDelay / 1_000).toFixed(1)} s`);
			},
			onTakenOver: () => {
				host.log(
					"warning",
					`${address} keeps closing the connection: is another client using the client id ${clientId}?`,
				);
			},
		});
	}

	/** Runs the sampler, and again when it next has something to do. */
	#sample(): void {
		const { clock, timer } = this.#host;
		this.#sampler.tick(clock.now());
		if (this.#farewell || this.#sampler.deadline === Number.POSITIVE_INFINITY) return;
		this.#samplerTimer = timer.set(() => this.#sample(), Math.max(0, this.#sampler.deadline - clock.now()));
	}

	#sampled(sample: Sample, now: number): void {
		const dropped = this.#outbox.dropped;
		try {
			this.#outbox.push(
				encodeRecord({ seq: this.#sequence.next(), ticks: now, time: this.#host.clock.time(), sample }),
			);
		} catch (error) {
			return this.#fault(String(error));
		}
		this.#counters.readings++;
		if (dropped === 0 && this.#outbox.dropped > 0) {
			this.#host.log("warning", "the outbox is full: the oldest readings are dropped");
		}
		this.#link.wake();
	}

	#fault(reason: string): void {
		this.#counters.faults++;
		this.#host.log("warning", `no reading from the ${this.#settings.sensor}: ${reason}`);
	}

	#nextReport(): Report | undefined {
		const taken = this.#outbox.take();
		if (taken) {
			const payload = reportPayload(decodeRecord(taken.record), this.#host.clock);
			return { topic: `${this.#settings.topic}/state`, payload: bytesOf(payload), retain: false, handle: taken.handle };
		}
		if (!this.#farewell || this.#farewell.sent) return undefined;
		this.#farewell.sent = true;
		return this.#farewell.message;
	}

	#acknowledged(report: Report): void {
		if (report.handle === undefined) return this.#stopped();
		this.#counters.acknowledged++;
		this.#outbox.acknowledge(report.handle);
	}

	#status(status: "online" | "offline"): Message {
		return { topic: `${this.#settings.topic}/status`, payload: bytesOf(status), retain: true };
	}

	#stopped(): void {
		const farewell = this.#farewell;
		if (!farewell) return;
		this.#host.timer.clear(farewell.timer);
		this.#farewell = undefined;
		this.#link.stop();
		const { length } = this.#outbox;
		if (length > 0)
			this.#host.log("warning", `${length} ${length === 1 ? "reading was" : "readings were"} not delivered`);
		farewell.onStopped();
	}
}

function createSensor(host: Host, settings: Settings): Sensor {
	const { sensor: model } = settings;
	const { i2c, pulses } = host;
	if (model === "bme280" || model === "bmp280") {
		if (!i2c) throw new Error(`this host has no I2C bus for a ${model}`);
		return new BME280({ sensor: i2c, model, onDiagnostic: (text) => host.log("info", text) });
	}
	if (!pulses) throw new Error(`this host has no line for a ${model}`);
	const discard = settings.interval >= STALE_S ? "each" : "first";
	return new DHT({ sensor: pulses, model, discard });
}

/** ASCII text as bytes: numbers, JSON of numbers, and status words. */
function bytesOf(text: string): Bytes {
	const bytes = new Uint8Array(text.length);
	for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
	return bytes;
}
