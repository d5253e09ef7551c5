/** What faults change for as long as they act: several may act on the same part of the world. */
import type { FlashChip } from "../../devices/flash-chip.ts";
import type { Board } from "../board/board.ts";
import type { Probe } from "../board/probe.ts";
import type { Broker, BrokerFaults } from "../broker/broker.ts";
import type { Conditions, Network } from "../network/network.ts";
import type { TimeServer } from "../network/time-server.ts";

/** Some values of the world. Where several faults change one, the strongest counts. */
export class Effects<Values extends object> {
	/** What the values are where no fault acts. */
	readonly calm: Readonly<Values>;
	private readonly _values: Values;
	private readonly _onChange: () => void;
	/** In the order in which they began. */
	private readonly _acting = new Set<Partial<Values>>();

	constructor(values: Values, calm: Readonly<Values>, onChange = () => {}) {
		this.calm = calm;
		this._values = values;
		this._onChange = onChange;
	}

	/** A fault begins; returns what ends it. */
	begin(changed: Partial<Values>): () => void {
		const effect = { ...changed };
		this._acting.add(effect);
		this._apply(effect);
		return () => {
			this._acting.delete(effect);
			this._apply(effect);
		};
	}

	private _apply(changed: Partial<Values>): void {
		for (const name of Object.keys(changed) as (keyof Values)[]) {
			let value = this.calm[name];
			for (const effect of this._acting) if (name in effect) value = stronger(value, effect[name]!);
			this._values[name] = value;
		}
		this._onChange();
	}
}

/** The larger number; of what is no number, what began last. */
function stronger<Value>(one: Value, other: Value): Value {
	return typeof one === "number" && typeof other === "number" && one > other ? one : other;
}

export interface WorldEffects {
	readonly network: Effects<Conditions>;
	readonly broker: Effects<BrokerFaults>;
	readonly probe: Effects<Pick<Probe, "fault">>;
	readonly timeServer: Effects<Pick<TimeServer, "fault">>;
	readonly flash: Effects<Pick<FlashChip, "failing">>;
}

/** On a world in which no fault acts yet. */
export function effectsOn(parts: {
	readonly network: Network;
	readonly broker: Broker;
	readonly probe: Probe;
	readonly timeServer: TimeServer;
	readonly flash: FlashChip | undefined;
	readonly board: Pick<Board, "networkChanged">;
}): WorldEffects {
	const { conditions } = parts.network;
	const { faults } = parts.broker;
	const flash: Pick<FlashChip, "failing"> = parts.flash ?? { failing: undefined };
	return {
		network: new Effects(conditions, { ...conditions, linkUp: conditions.linkUp }, () => parts.board.networkChanged()),
		broker: new Effects(faults, { ...faults }),
		probe: new Effects<Pick<Probe, "fault">>(parts.probe, { fault: "none" }),
		timeServer: new Effects<Pick<TimeServer, "fault">>(parts.timeServer, { fault: "none" }),
		flash: new Effects(flash, { failing: flash.failing }),
	};
}
