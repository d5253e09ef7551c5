/** What dialogues came to. */
export interface Tally {
	/** Packets of the broker that the session was given whole. */
	received: number;
	/** Packets that the session sent. */
	sent: number;
	connections: number;
	dialogues: number;
	/** Violations that ended their connection, and other ends, by kind. */
	readonly ends: Map<string, number>;
	/** Mutated packets: how many were refused, and how many taken. */
	refused: number;
	taken: number;
}

export const newTally = (): Tally => ({
	received: 0,
	sent: 0,
	connections: 0,
	dialogues: 0,
	ends: new Map(),
	refused: 0,
	taken: 0,
});
