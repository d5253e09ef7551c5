/** Name resolution on a simulated network, to the letter of `Resolver` in `src/host.ts`. */
import type { Resolver } from "../../../src/host.ts";
import type { Medium } from "./conditions.ts";
import type { Event } from "./scheduler.ts";

/** Every name's address: one of those for documentation (RFC 5737). */
export const ADDRESS = "192.0.2.1";
/** Until a question is asked again, in ms, and how often it is asked. */
const REPETITION_MS = 2_500;
const QUESTIONS_MAXIMUM = 4;
/** A slow answer, in ms, at least and at most. */
const SLOW_MS = [1_000, 20_000] as const;

export class NameResolver implements Resolver {
	readonly #medium: Medium;
	readonly #on: () => boolean;
	readonly #pending = new Set<Event>();

	/** @param on whether the station that asks is on, and runs */
	constructor(medium: Medium, on: () => boolean) {
		this.#medium = medium;
		this.#on = on;
	}

	resolve(options: Parameters<Resolver["resolve"]>[0]): void {
		this.#ask(options, 1);
	}

	close(): void {
		for (const event of this.#pending) this.#medium.scheduler.cancel(event);
		this.#pending.clear();
	}

	#ask(options: Parameters<Resolver["resolve"]>[0], question: number): void {
		const { conditions, random } = this.#medium;
		const asked = conditions.linkUp;
		const slowness = conditions.dns === "slow" ? random.integer(...SLOW_MS) : 0;
		if (conditions.dns !== "works" && question === 1) this.#medium.count(`network: name resolution ${conditions.dns}`);
		this.#after(this.#medium.delay() + this.#medium.delay() + slowness, () => {
			if (conditions.dns === "silent") return;
			if (!asked || !conditions.linkUp) return this.#askAgain(options, question);
			if (conditions.dns === "fails") return options.onError("there is no such host");
			options.onResolved(options.host, ADDRESS);
		});
	}

	#askAgain(options: Parameters<Resolver["resolve"]>[0], question: number): void {
		this.#after(REPETITION_MS, () => {
			if (question < QUESTIONS_MAXIMUM) this.#ask(options, question + 1);
			else options.onError("the name server does not answer");
		});
	}

	#after(delay: number, callback: () => void): void {
		const event = this.#medium.scheduler.after(delay, () => {
			this.#pending.delete(event);
			if (this.#on()) callback();
		});
		this.#pending.add(event);
	}
}
