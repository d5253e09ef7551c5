/** What came from the broker, checked, as the store takes it. Times are ms since 1970. */
import type { Quantities, Status } from "../api.ts";

export type Arrival = ArrivedReading | ArrivedValues | ArrivedStatus | ArrivedDiagnostics | ArrivedAnswer;

interface Arrived {
	/** What the station's topics begin with, such as `veleta/terrace`. */
	readonly station: string;
	readonly receivedAt: number;
	/** Whether the broker had it from before the subscription: then `receivedAt` says nothing of its age. */
	readonly isRetained: boolean;
}

/** A numbered reading. */
export interface ArrivedReading extends Arrived {
	readonly kind: "reading";
	/** 1 to 4,294,967,295. */
	readonly seq: number;
	/** `undefined`: the station's clock was not set. */
	readonly time: number | undefined;
	readonly quantities: Quantities;
	/** Whether it came at `state`, where numbers never go back, and not at `late`. */
	readonly isState: boolean;
	/** Whether the broker may have delivered it before. */
	readonly isRedelivered: boolean;
}

/** Values without a number: of a topic with a plain number, or of a report that has a time only. */
export interface ArrivedValues extends Arrived {
	readonly kind: "values";
	/** `undefined`: when they arrived. */
	readonly time: number | undefined;
	readonly quantities: Quantities;
}

export interface ArrivedStatus extends Arrived {
	readonly kind: "status";
	readonly status: Status;
}

export interface ArrivedDiagnostics extends Arrived {
	readonly kind: "diagnostics";
	readonly members: Readonly<Record<string, unknown>>;
}

/** A station's reply to `readings`: which of these numbers it has no more. */
export interface ArrivedAnswer extends Arrived {
	readonly kind: "answer";
	readonly gone: readonly (readonly [first: number, last: number])[];
}
