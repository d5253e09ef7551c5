/** Name resolution on a simulated network, to the letter of `Resolver` in `src/host.ts`. */
import type { Resolver } from "../../../../src/host.ts";
import type { Event } from "../scheduler.ts";
import type { Medium } from "./conditions.ts";

/** Every name's address: one of those for documentation (RFC 5737). */
export const ADDRESS = "192.0.2.1";
/** Until a question is asked again, in ms, and how often it is asked. */
const REPETITION_MS = 2_500;
const QUESTIONS_MAXIMUM = 4;
/** A slow answer, in ms, at least and at most. */
const SLOW_MS = [1_000, 20_000] as const;

/** What a resolver's constructor gets from its port. */
export interface NameResolverOptions {
	readonly below: { readonly medium: Medium; readonly on: () => boolean };
	readonly [option: string]: unknown;
}

export class NameResolver implements Resolver {
	private readonly _medium: Medium;
	private readonly _on: () => boolean;
	private readonly _pending = new Set<Event>();

	constructor(options: { readonly [option: string]: unknown }) {
		const { medium, on } = (options as NameResolverOptions).below;
		this._medium = medium;
		this._on = on;
	}

	resolve(options: Parameters<Resolver["resolve"]>[0]): void {
		this._ask(options, 1);
	}

	close(): void {
		for (const event of this._pending) this._medium.scheduler.cancel(event);
		this._pending.clear();
	}

	private _ask(options: Parameters<Resolver["resolve"]>[0], question: number): void {
		const { conditions, random } = this._medium;
		const asked = conditions.linkUp;
		const slowness = conditions.dns === "slow" ? random.integer(...SLOW_MS) : 0;
		if (conditions.dns !== "works" && question === 1) this._medium.count(`network: name resolution ${conditions.dns}`);
		this._after(this._medium.delay() + this._medium.delay() + slowness, () => {
			if (conditions.dns === "silent") return;
			if (!asked || !conditions.linkUp) return this._askAgain(options, question);
			if (conditions.dns === "fails") return options.onError("there is no such host");
			options.onResolved(options.host, ADDRESS);
		});
	}

	private _askAgain(options: Parameters<Resolver["resolve"]>[0], question: number): void {
		this._after(REPETITION_MS, () => {
			if (question < QUESTIONS_MAXIMUM) this._ask(options, question + 1);
			else options.onError("the name server does not answer");
		});
	}

	private _after(delay: number, callback: () => void): void {
		const event = this._medium.scheduler.after(delay, () => {
			this._pending.delete(event);
			if (this._on()) callback();
		});
		this._pending.add(event);
	}
}
