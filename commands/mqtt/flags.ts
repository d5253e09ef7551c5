/** The flags of a command line, and MQTT's limits on their values. */
import { parseArgs } from "node:util";
import type { QoS } from "../../src/net/mqtt/packet.ts";
import { utf8 } from "../../src/net/mqtt/text.ts";
import { topicFilterFault, topicNameFault } from "../../src/net/mqtt/topic.ts";
import { explained, type Options, UsageError } from "../frame.ts";

/** A `UsageError` that names `--help`. */
export function lost(problem: string): UsageError {
	return new UsageError(`${problem}; npm run mqtt -- --help`);
}

/** The flags of a command line, each by its long name. */
export class Values {
	private readonly _values = new Map<string, (string | true)[]>();

	/** Not strict: a value may begin with a dash, as in `-m -12.5`. Errors show only a wrong flag's name: a password may be near. */
	constructor(args: string[], flags: Options) {
		const { tokens } = parseArgs({ args, options: flags, strict: false, tokens: true });
		for (const token of tokens) {
			if (token.kind !== "option") {
				throw lost(`argument ${token.index + 2} belongs to no flag (a value with spaces needs quotes)`);
			}
			const { name, rawName, value } = token;
			const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
			if (!flag) throw lost(`${rawName} is no flag of this command`);
			if (flag.type === "string" && value === undefined) throw lost(`${rawName} needs a value`);
			if (flag.type === "boolean" && value !== undefined) throw lost(`${rawName} takes no value`);
			const earlier = flag.multiple ? (this._values.get(name) ?? []) : [];
			this._values.set(name, [...earlier, value ?? true]);
		}
	}

	has(name: string): boolean {
		return this._values.has(name);
	}

	all(name: string): string[] {
		return (this._values.get(name) ?? []).map(String);
	}

	/** Checked by MQTT's rules for strings. */
	text(name: string): string | undefined {
		const [value] = this.all(name);
		if (value !== undefined) explained(() => utf8(value, `--${name}`));
		return value;
	}

	bytes(name: string): Uint8Array<ArrayBuffer> | undefined {
		const [value] = this.all(name);
		return value === undefined ? undefined : Uint8Array.from(Buffer.from(value));
	}

	number(name: string, lowest: number, highest: number): number | undefined {
		const [value] = this.all(name);
		if (value === undefined) return undefined;
		const number = Number(value);
		if (value.trim() === "" || !Number.isInteger(number) || number < lowest || number > highest) {
			throw new UsageError(`--${name}: must be a whole number from ${lowest} to ${highest}`);
		}
		return number;
	}

	qos(name: string): QoS {
		return (this.number(name, 0, 2) ?? 0) as QoS;
	}

	topicName(name: string): string | undefined {
		const topic = this.text(name);
		const fault = topic === undefined ? undefined : topicNameFault(topic);
		if (fault) throw new UsageError(`--${name}: ${fault}`);
		return topic;
	}

	topicFilters(name: string): string[] {
		const filters = this.all(name);
		for (const filter of filters) {
			const fault = topicFilterFault(filter);
			if (fault) throw new UsageError(`--${name} ${filter}: ${fault}`);
			explained(() => utf8(filter, `--${name}`));
		}
		return filters;
	}
}
