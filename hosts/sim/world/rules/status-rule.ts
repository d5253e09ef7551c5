/** The rule for the retained status: a subscriber learns from the broker whether the station is there. */
import type { Board } from "../board/board.ts";
import type { Broker } from "../broker/broker.ts";
import type { Health } from "../faults/health.ts";
import type { Plan } from "../plan.ts";
import { keepsWill } from "./sleep-rules.ts";

/** What segments and timers may take on top, in ms. */
const MARGIN_MS = 20_000;
/** Longest time from an accepted connection to the birth message, in ms. */
const BIRTH_MS = 30_000;
/** For how long a station leaves out a birth message that its broker did not bear, in ms; twice as long each time. */
const BIRTH_PAUSE_MS = 60_000;
/** Longest pause after a refusal of the birth message, in ms. */
const REFUSAL_PAUSE_MS = 120_000;

export interface StatusRuleOptions {
	readonly plan: Plan;
	readonly health: Health;
	readonly violate: (kind: string, text: string) => void;
}

export class StatusRule {
	private readonly _options: StatusRuleOptions;
	/** Since when the station has had no power, in the world's ms. */
	private _unpoweredSince: number | undefined = 0;
	private _poweredSince = 0;
	/** Since when the broker has been up, as far as it was seen. */
	private _upSince = 0;
	private _wasUp = true;
	/** Seconds, as the last connection had it; 0: the broker waits for ever. */
	private _keepAlive = 0;
	private _version: 3 | 4 | 5 = 5;
	private _birthDue = 0;
	private _birthsGivenUp = 0;

	constructor(options: StatusRuleOptions) {
		this._options = options;
	}

	/** Also after a sleep: what the broker has of a connection from before is no connection of this start's. */
	poweredOn(now: number): void {
		this._unpoweredSince = undefined;
		this._poweredSince = now;
	}

	powerLost(time: number): void {
		this._unpoweredSince = time;
	}

	connected(version: 3 | 4 | 5): void {
		const { settings, broker } = this._options.plan;
		this._version = version;
		this._keepAlive = (version === 5 ? broker.limits?.serverKeepAlive : undefined) ?? settings.keepAlive;
	}

	/** The station leaves the birth message out: its broker ended connections when it had it. It comes again after a while. */
	birthGivenUp(now: number): void {
		this._birthDue = now + BIRTH_PAUSE_MS * 2 ** this._birthsGivenUp++;
	}

	/** The broker did not take the birth message: it comes again after a while, and with the next connection. */
	refused(now: number): void {
		this._birthDue = now + REFUSAL_PAUSE_MS;
	}

	tick(now: number, board: Board, broker: Broker): void {
		const { plan, health, violate } = this._options;
		const topic = `${plan.settings.topic}/status`;
		if (broker.up && !this._wasUp) this._upSince = now;
		this._wasUp = broker.up;
		if (!broker.up) return;
		const status = broker.status(topic);
		// Faults of the network and the broker may delay what the station had sent.
		const from = Math.max(this._unpoweredSince ?? now, this._upSince, health.wellSince("connection"));
		const away = now - from;
		const { sleep } = plan;
		const delay = sleep && this._version === 5 ? sleep.lostAfter : 0;
		const patience = 1_500 * this._keepAlive + delay + MARGIN_MS;
		const isAlive = status === "online" || (status === "asleep" && keepsWill(plan, this._version));
		if (isAlive && this._keepAlive > 0 && away > patience && !broker.forgottenWills.has(topic)) {
			violate("status", `the status is ${status}, and the station has had no power for ${Math.round(away / 1_000)} s`);
		}
		const since = broker.connectedSince(`veleta-${plan.settings.id}`);
		const well = Math.max(
			health.wellSince("connection", "power"),
			since ?? Number.POSITIVE_INFINITY,
			this._poweredSince,
			this._birthDue,
		);
		if (status === "online") this._birthsGivenUp = 0;
		const said = status === "online" || (sleep !== undefined && status === "asleep");
		if (board.powered && !said && now - well > BIRTH_MS) {
			violate(
				"status",
				`the status is ${status}, and the station has been connected for ${Math.round((now - since!) / 1_000)} s`,
			);
		}
	}
}
