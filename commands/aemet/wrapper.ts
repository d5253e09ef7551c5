/** AEMET to MQTT: asks when something new can be there, keeps what is new, and has it published. */
import { Alarm } from "../../src/alarm.ts";
import type { TimerPort } from "../../src/host.ts";
import { messageOf } from "../../src/text.ts";
import { dailyIn, hourlyIn } from "./forecast.ts";
import { observationsIn } from "./observations.ts";
import type { Data, OpenData } from "./opendata.ts";
import {
	MunicipalityPlace,
	type MunicipalitySettings,
	type Place,
	type PlaceStatus,
	StationPlace,
	type StationSettings,
	topicsOf,
} from "./places.ts";
import { type Outcome, Schedule, type Task } from "./schedule.ts";
import { forecastTopics, MunicipalitySpool, ScheduleFile, StationSpool, type Write } from "./spool.ts";

/** How often it is looked whether a place has become stale, in ms. */
const LOOK_MS = 60_000;

/** What publishes a place's messages: a `Publisher`, or something simulated. */
export interface PlacePublisher {
	status: PlaceStatus;
	start(): void;
	wake(): void;
	stop(): Promise<void>;
}

export interface WrapperOptions {
	readonly stations: readonly StationSettings[];
	readonly municipalities: readonly MunicipalitySettings[];
	/** Home Assistant's prefix of topics; empty: it is told nothing. */
	readonly homeAssistant: string;
	readonly folder: string;
	/** Spreads requests: of the key, which it need not be. */
	readonly seed: string;
	readonly api: Pick<OpenData, "ask">;
	readonly publisherOf: (place: Place) => PlacePublisher;
	/** In ms since 1970. */
	readonly now: () => number;
	readonly timer: TimerPort;
	readonly tell: (text: string) => void;
	readonly write?: Write | undefined;
}

interface Served {
	readonly place: Place;
	readonly publisher: PlacePublisher;
}

export class Wrapper {
	private readonly _options: WrapperOptions;
	private readonly _stations = new Map<string, Served & { readonly spool: StationSpool }>();
	private readonly _municipalities = new Map<string, Served & { readonly spool: MunicipalitySpool }>();
	private readonly _schedule: Schedule;
	private readonly _file: ScheduleFile;
	private readonly _alarm: Alarm;
	private readonly _look: Alarm;
	private _isEnded = false;
	/** What was told last of each task, so that it is told once. */
	private readonly _told = new Map<Task, string>();

	/** Throws an Error for a person where a file cannot be used. */
	constructor(options: WrapperOptions) {
		const { stations, municipalities, homeAssistant, folder, write, publisherOf, timer, now, seed, tell } = options;
		this._options = options;
		this._alarm = new Alarm(timer);
		this._look = new Alarm(timer);
		let isTold = false;
		const onFault = (problem: string | undefined) => {
			if (problem === undefined && isTold) tell("the disk works again");
			else if (problem !== undefined && !isTold)
				tell(`${problem}: what comes may be lost, or come twice, after a restart`);
			isTold = problem !== undefined;
		};
		const owned = new Set([
			...stations.flatMap(topicsOf),
			...municipalities.flatMap(({ topic }) => forecastTopics(topic)),
		]);
		for (const settings of stations) {
			const spool = new StationSpool(folder, settings.id, onFault, write);
			const place = new StationPlace(settings, spool, homeAssistant, owned);
			this._stations.set(settings.id, { place, spool, publisher: publisherOf(place) });
		}
		for (const settings of municipalities) {
			const spool = new MunicipalitySpool(folder, settings.id, settings.topic, onFault, write);
			const place = new MunicipalityPlace(settings, spool, owned);
			this._municipalities.set(settings.id, { place, spool, publisher: publisherOf(place) });
		}
		const tasks: Task[] = [
			...stations.map(({ id }) => ({ kind: "observation", id }) as const),
			...municipalities.flatMap(({ id }) => [{ kind: "daily", id } as const, { kind: "hourly", id } as const]),
		];
		this._file = new ScheduleFile(folder, onFault, write);
		this._schedule = new Schedule(tasks, seed, now(), this._file.read());
	}

	start(): void {
		this._judge();
		for (const { publisher } of this._served) publisher.start();
		const now = this._options.now();
		const next = this._schedule.next(now);
		// Otherwise it would seem to do nothing.
		if (next && next.at > now) this._options.tell(`the next request at ${shown(next.at)}`);
		this._plan();
	}

	/** What the broker has not taken. */
	get waiting(): number {
		let waiting = 0;
		for (const { place } of this._served) waiting += place.waiting;
		return waiting;
	}

	/** A request that is under way is the owner's to end; what comes of it does not count. */
	async stop(): Promise<void> {
		this._isEnded = true;
		this._alarm.clear();
		this._look.clear();
		await Promise.all(Array.from(this._served, ({ publisher }) => publisher.stop()));
	}

	private get _served(): readonly Served[] {
		return [...this._stations.values(), ...this._municipalities.values()];
	}

	/** Which places are stale. */
	private _judge(): void {
		const now = this._options.now();
		for (const { place, publisher } of this._served) publisher.status = place.status(now);
		this._look.set(() => this._judge(), LOOK_MS);
	}

	private _plan(): void {
		if (this._isEnded) return;
		const now = this._options.now();
		const next = this._schedule.next(now);
		if (!next) return;
		this._alarm.set(
			() => {
				// A timer may be early by the wall clock, which is set now and then.
				if (this._options.now() < next.at) return this._plan();
				this._ask(next.task)
					.catch((error) => this._options.tell(messageOf(error)))
					.finally(() => this._plan());
			},
			Math.min(next.at - now, LOOK_MS),
		);
	}

	private async _ask(task: Task): Promise<void> {
		const { api, now } = this._options;
		this._schedule.asked(task, now());
		this._file.write(this._schedule.kept);
		const data = await api.ask(task);
		// Before it is kept what came of it, nothing of it is settled: then the next run asks again.
		if (this._isEnded) return;
		const { outcome, text } = this._received(task, data);
		this._schedule.settled(task, outcome, now(), data.remaining);
		this._file.write(this._schedule.kept);
		this._say(task, outcome, text);
		this._judge();
	}

	/** What has become of it, and what is to be told; `undefined`: there was nothing new. */
	private _received(task: Task, data: Data): { readonly outcome: Outcome; readonly text: string | undefined } {
		try {
			return this._understood(task, data);
		} catch {
			// There is no end to what an answer may have in it.
			return { outcome: "failed", text: "an answer that cannot be understood" };
		}
	}

	private _understood(task: Task, data: Data): { readonly outcome: Outcome; readonly text: string | undefined } {
		if (data.outcome === "nothing") return { outcome: "done", text: "AEMET has no data" };
		if (data.outcome !== "data") return { outcome: data.outcome, text: data.reason };
		return task.kind === "observation"
			? this._observations(task.id, data.data)
			: this._forecast(task.kind, task.id, data.data);
	}

	private _observations(
		id: string,
		data: readonly unknown[],
	): { readonly outcome: Outcome; readonly text: string | undefined } {
		const { spool, publisher } = this._stations.get(id)!;
		const { place, observations, refused } = observationsIn(data, id, this._options.now());
		if (observations.length === 0)
			return { outcome: "failed", text: `no observation of this station in ${data.length} records` };
		const before = spool.dropped;
		const added = spool.put(observations, place);
		publisher.wake();
		const dropped = spool.dropped - before;
		const facts = [
			...(added > 0 ? [`${added} new of ${place ?? "?"}, the last of ${shown(spool.newest)}`] : []),
			...(refused > 0 ? [`${refused} refused`] : []),
			...(dropped > 0 ? [`${dropped} dropped, as too many wait`] : []),
		];
		return { outcome: "done", text: facts.length > 0 ? facts.join("; ") : undefined };
	}

	private _forecast(
		kind: "daily" | "hourly",
		id: string,
		data: readonly unknown[],
	): { readonly outcome: Outcome; readonly text: string | undefined } {
		const { spool, publisher } = this._municipalities.get(id)!;
		const forecast = (kind === "daily" ? dailyIn : hourlyIn)(data, id);
		if (!forecast) return { outcome: "failed", text: "no forecast of this municipality" };
		const isNew = spool.put(kind, forecast, this._options.now());
		publisher.wake();
		const entries = `${forecast.forecast.length} ${kind === "daily" ? "days" : "hours"}`;
		return { outcome: "done", text: isNew ? `${entries} of ${forecast.name ?? "?"}` : undefined };
	}

	/** A failure is told once, until there is another one, or none any more. */
	private _say(task: Task, outcome: Outcome, text: string | undefined): void {
		const { tell } = this._options;
		const what = `${task.kind === "observation" ? "observations" : `${task.kind} forecast`} ${task.id}`;
		if (outcome === "done" && text !== "AEMET has no data") {
			const hasFailed = this._told.delete(task);
			if (text !== undefined || hasFailed) tell(`${what}: ${text ?? "nothing new"}`);
			return;
		}
		if (this._told.get(task) === text) return;
		this._told.set(task, text ?? "");
		const minutes = Math.max(1, Math.ceil((this._schedule.dueOf(task) - this._options.now()) / 60_000));
		const wait = outcome === "done" ? "" : `; the next request in ${minutes} min`;
		tell(`${what}: ${text}${wait}`);
	}
}

/** `2026-12-01 13:00 UTC`. */
function shown(time: number): string {
	return `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
