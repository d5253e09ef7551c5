/** Deliberate bugs, to see whether the simulated worlds notice them. */

export interface Mutant {
	readonly name: string;
	/** From the project's folder. */
	readonly file: string;
	/** In the file exactly once. */
	readonly find: string;
	readonly replace: string;
}

const OUTBOUND = "src/net/mqtt/outbound.ts";
const OUTBOX = "src/outbox/outbox.ts";
const LOG = "src/outbox/log.ts";
const BACKOFF = "src/net/backoff.ts";
const STATION = "src/station/station.ts";
const COMMANDS = "src/station/commands.ts";

export const MUTANTS: readonly Mutant[] = [
	{
		name: "a redelivery without DUP",
		file: OUTBOUND,
		find: "dup: entry?.transmitted ?? false,",
		replace: "dup: false,",
	},
	{
		name: "a packet id used again while in flight",
		file: "src/net/mqtt/packet-ids.ts",
		find: "do this._last = (this._last % LARGEST) + 1;\n\t\twhile (this._isInUse(this._last));",
		replace: "this._last = (this._last % 4) + 1;",
	},
	{
		name: "PUBLISH again in place of PUBREL",
		file: OUTBOUND,
		find: "const bytes = entry.released\n",
		replace: "const bytes = false\n",
	},
	{
		name: "the session kept that the broker has lost",
		file: OUTBOUND,
		find: "else this._inFlight.startOver(connection.maximumQoS);",
		replace: "else this._inFlight.lower(connection.maximumQoS);",
	},
	{
		name: "no acknowledgement timeout",
		file: "src/net/mqtt/connection.ts",
		find: "return Math.max(sentAt, Math.min(this.passedAt, sentAt + PASSING_MAXIMUM_MS)) + ACKNOWLEDGEMENT_TIMEOUT_MS;",
		replace: "return Number.POSITIVE_INFINITY;",
	},
	{
		name: "no birth message in a resumed session",
		file: OUTBOUND,
		find: "connection.unsent = this._inFlight.entries();\n\t\tthis.giveBirth(connection, now);",
		replace: "connection.unsent = this._inFlight.entries();\n\t\tif (!isResumed) this.giveBirth(connection, now);",
	},
	{
		name: "no PINGREQ",
		file: "src/net/mqtt/keep-alive.ts",
		find: "return this._lastSent + this._idle;",
		replace: "return Number.POSITIVE_INFINITY;",
	},
	{
		name: "a backoff that does not grow",
		file: BACKOFF,
		find: "this._attempts++;",
		replace: "",
	},
	{
		name: "a backoff that does not start over",
		file: BACKOFF,
		find: "if (duration >= this._stableAfter) this._attempts = 0;",
		replace: "",
	},
	{
		name: "acknowledged when it is sent",
		file: STATION,
		find: 'if (handle !== undefined) this._counters[redelivered ? "redelivered" : "published"]++;',
		replace:
			'if (handle !== undefined) this._counters[redelivered ? "redelivered" : "published"]++;\n\t\t\t\tif (handle !== undefined && handle >= 0) this._outbox.acknowledge(handle);',
	},
	{
		name: "lost when the broker does not bear it",
		file: STATION,
		find: "if (handle !== undefined) this._outbox.setAside(handle, host.clock.now());",
		replace: "if (handle !== undefined) this._outbox.acknowledge(handle);",
	},
	{
		name: "sent again for ever to a broker that does not bear it",
		file: "src/net/mqtt/suspicion.ts",
		find: "if (!suspect || suspect.ends < ENDS_MAXIMUM) return undefined;",
		replace: "return undefined;",
	},
	{
		name: "numbers that begin anew after a power cut",
		file: OUTBOX,
		find: "this._lastSeq = Math.max(this._lastSeq, this._log.lastSeq);",
		replace: "this._lastSeq = Math.max(this._lastSeq, this._log.waiting);",
	},
	{
		name: "a time of another run",
		file: OUTBOX,
		find: "const startedAt = this._startedAt.get(run);",
		replace: "const startedAt = this._startedAt.get(this._run);",
	},
	{
		name: "a fresh reading behind the backlog",
		file: OUTBOX,
		find: 'if (order === "newest") this._fresh = position;',
		replace: "",
	},
	{
		name: "a backlog without a pace",
		file: OUTBOX,
		find: "this._backlogDue = now + 1_000 / this._options.backlogRate;",
		replace: "",
	},
	{
		name: "a slot's checksum not looked at",
		file: "src/outbox/slot.ts",
		find: "view.getUint16(at + CRC) !== crc16(bytes, at + KIND, at + SLOT_BYTES)",
		replace: "false",
	},
	{
		name: "evicted readings not counted",
		file: LOG,
		find: "const dropped = this._dropped + this._waiting[evicted]! + this._damaged[evicted]!;",
		replace: "const dropped = this._dropped;",
	},
	{
		name: "a block opened without an erase",
		file: LOG,
		find: "this._flash.eraseBlock(sequence % this._blocks);",
		replace: "",
	},
	{
		name: "acknowledged in RAM only",
		file: LOG,
		find: "const marked = this._mark(position, ACKNOWLEDGED);",
		replace: "const marked = true;",
	},
	{
		name: "committed before it is written",
		file: LOG,
		find: "const mark = record.kind < NOTE ? COMMITTED : ACKNOWLEDGED;",
		replace:
			"const mark = record.kind < NOTE ? COMMITTED : ACKNOWLEDGED;\n\t\t\tthis._mark(position, mark);\n\t\t\tslot[0] = mark;",
	},
	{
		name: "no more samples after a failed one",
		file: "src/sensors/sampler.ts",
		find: "this._misses++;\n\t\tthis._due = this._nextSlot(now);",
		replace: "this._misses++;\n\t\tthis._due = Number.POSITIVE_INFINITY;",
	},
	{
		name: "a restart carried out again",
		file: COMMANDS,
		find: 'if (dup && name === "restart") throw',
		replace: 'if (dup && name === "") throw',
	},
	{
		name: "asleep with a plain DISCONNECT",
		file: STATION,
		find: "sleeps && this._keepsWill ? DISCONNECT_WITH_WILL : 0",
		replace: "0",
	},
	{
		name: "a will that does not wait for the next wake",
		file: STATION,
		find: "properties: { willDelayInterval: lostAfter }",
		replace: "properties: {}",
	},
	{
		name: "awake for as long as the broker is away",
		file: STATION,
		find: "this._sleepTimer = timer.set(() => this._fallAsleep(), this._sleepCycle.deadline - this._startedAt);",
		replace: "this._sleepTimer = undefined;",
	},
	{
		name: "awake until its time is over",
		file: "src/station/sleep-cycle.ts",
		find: "return this._sampled;",
		replace: "return false;",
	},
	{
		name: "asleep before it has a reading",
		file: STATION,
		find: "this._sleepCycle?.isDone && this._isIdle",
		replace: "this._isIdle",
	},
];
