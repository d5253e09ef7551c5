/** Lives through a story with real parts: mosquitto, a proxy, and the station on XS, killed with SIGKILL. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { judge } from "../scenarios/oracle.ts";
import type { Happening, Step, Story } from "../scenarios/stories.ts";
import { mayComeAgain, stopDelivered } from "./delivery.ts";
import type { Mosquitto } from "./mosquitto.ts";
import type { Parts } from "./scenario.ts";
import type { StationProcess } from "./station.ts";
import type { MosquittoSub } from "./subscriber.ts";
import type { TcpProxy } from "./tcp-proxy.ts";
import { pause, until } from "./wait.ts";

/** In seconds of the station's: it tells every second how many readings wait. */
const DIAGNOSTICS = 1;
/** Those that are on their way when it tells. The farewell delivers them. */
const ON_THEIR_WAY = 2;
/** A backlog shrinks by one a second, more or less: it is no smaller than so many diagnostics before only if it stays. */
const LOOKED_BACK = 8;

export class RealStory {
	private readonly _parts: Parts;
	private readonly _story: Story;
	private readonly _config: readonly string[];
	readonly broker: Mosquitto;
	readonly proxy: TcpProxy;
	readonly subscriber: MosquittoSub;
	/** The station's lives. */
	readonly stations: StationProcess[] = [];

	private constructor(parts: Parts, story: Story, broker: Mosquitto, proxy: TcpProxy, subscriber: MosquittoSub) {
		this._parts = parts;
		this._story = story;
		this.broker = broker;
		this.proxy = proxy;
		this.subscriber = subscriber;
		this._config = parts.config({ diagnostics: DIAGNOSTICS, ...story.settings });
	}

	/** Resolves at the end of the story: the station has been stopped, and all that it had is delivered and judged. */
	static async live(parts: Parts, story: Story): Promise<RealStory> {
		const broker = await parts.mosquitto();
		const proxy = await parts.proxy(broker);
		const subscriber = await parts.subscriber(broker, "veleta/#", { durable: true, qos: 2 });
		const real = new RealStory(parts, story, broker, proxy, subscriber);
		await real._live();
		await real._end();
		return real;
	}

	get station(): StationProcess {
		return this.stations.at(-1)!;
	}

	/** The station's time begins when its engine has been started. */
	private async _start(): Promise<void> {
		const { speed } = this._story;
		const state = join(this._parts.folder, "station.flash");
		this.stations.push(this._parts.station(this.proxy, ...this._config, "--state", state, "--speed", String(speed)));
		await this.station.line(/found at|next attempt in|connected with/);
	}

	private async _live(): Promise<void> {
		const { steps, speed } = this._story;
		const moments = steps.flatMap((step) => this._momentsOf(step)).sort((a, b) => a.at - b.at);
		// The story's time stands still while something is done, however long a busy machine takes for that.
		let time = 0;
		for (const { at, act } of moments) {
			if (at > 0 && this.stations.length === 0) await this._start();
			await pause(((at - time) * 1_000) / speed);
			time = at;
			await act();
		}
	}

	private async _end(): Promise<void> {
		const { subscriber, _story: story } = this;
		// A busy machine gives the station less time than the story has.
		await subscriber.reaches(story.readings);
		await this._delivered();
		const { dropped, lives } = await stopDelivered(this._parts, this.station, subscriber);
		this.stations.push(...lives.slice(1));
		assert.equal(dropped, 0);
		judge(subscriber.arrivals, story, story.readings, mayComeAgain(this.stations));
	}

	private _momentsOf({ at, happening, lasts = 0 }: Step): { at: number; act: () => unknown }[] {
		const [begin, end] = this._acts[happening];
		return [{ at, act: begin }, ...(end ? [{ at: at + lasts, act: end }] : [])];
	}

	private readonly _acts: Record<Happening, [begin: () => unknown, end?: () => unknown]> = {
		"broker away": [() => this.broker.stop(), () => this.broker.restart()],
		"power cut": [() => this.station.kill(), () => this._start()],
		"connections reset": [() => this.proxy.cut()],
		"connections refused": [() => this.proxy.shut(), () => this.proxy.open()],
		"link lost": [() => this.proxy.freeze(), () => this.proxy.thaw()],
	};

	/** Resolves when the last of the station's lives tells that no backlog waits any more, or none that shrinks: a busy machine has always some. */
	private async _delivered(): Promise<void> {
		await this.station.line(/connected with/);
		const { length } = this.subscriber.messages;
		const isOver = () => {
			const told = this.subscriber.messages.slice(length).filter(isDiagnostics);
			const queued = told.map(({ payload }): number => JSON.parse(payload).queued);
			return queued.some((count, index) => count <= ON_THEIR_WAY || count >= queued[index - LOOKED_BACK]!);
		};
		// Until the next ones are due, the station has only readings to tell.
		await until("diagnostics without a backlog", isOver, () => this.subscriber.messages.length);
	}
}

function isDiagnostics({ topic, retain }: { topic: string; retain: boolean }): boolean {
	return topic.endsWith("/diagnostics") && !retain;
}
