/** Checks a user's settings, member by member, against the table; tells all faults at once. */
import type { SensorModel } from "../sensors/models.js";
import { bytesOf, printable } from "../text.js";
import type { ObjectRow, Row, Rule, Table, Values } from "./table.js";

/** Faults that are told; further ones are counted. */
const FAULTS_MAXIMUM = 10;
/** By this member an editor finds the schema: it is no setting, and ignored here. */
const SCHEMA = "$schema";

/** No message shows a value: it may be a secret, also in the wrong place. */
export class Fields {
	private readonly _faults: string[] = [];
	private _count = 0;

	/** `name` is the setting's. */
	reject(name: string, problem: string): void {
		if (++this._count <= FAULTS_MAXIMUM) this._faults.push(`${name}: ${problem}`);
	}

	/** Throws an Error with a line for each fault, if there is any. */
	check(): void {
		const more = this._count - this._faults.length;
		if (more > 0) this._faults.push(`and ${more} more`);
		if (this._count > 0) throw new Error(this._faults.join("\n"));
	}

	/**
	 * The members of an object, or of the settings as a whole, whose name is empty. A
	 * wrong member gets its default, or null if it has none. A value that is no object
	 * has no members; if the settings are none, this is the only fault told.
	 */
	members<T extends Table>(name: string, raw: unknown, row: ObjectRow<T>): Values<T> {
		const values: Record<string, unknown> = {};
		if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
			this.reject(name || "settings", "must be an object");
			if (!name) this.check();
			return values as Values<T>;
		}
		const { properties, together } = row;
		const given = raw as Record<string, unknown>;
		const prefix = name && `${name}.`;
		const known = Object.keys(properties);
		for (const member of known) {
			const value = this._member(prefix + member, given[member], properties[member]!, values);
			if (value !== undefined) values[member] = value;
		}
		if (together?.some((member) => member in values !== together[0]! in values)) {
			const names = together.map((member) => prefix + member);
			this.reject(names.shift()!, `goes with ${names.join(" and ")}`);
		}
		let there = `; there are ${known.join(", ")}`;
		for (const member of Object.keys(given)) {
			if (known.includes(member) || (!name && member === SCHEMA)) continue;
			this.reject(prefix + printable(member), `is no setting${there}`);
			there = "";
		}
		return values as Values<T>;
	}

	/** `others` are the members before it. */
	private _member(name: string, raw: unknown, row: Row, others: Record<string, unknown>): unknown {
		if (row.orBoolean && typeof (raw ?? false) === "boolean") return raw ?? false;
		if (row.properties || row.items) return this._items(name, raw, row);
		// Null counts as left out, but not for texts, nor for commands, where it might mean none.
		const isNothing = raw === undefined || (raw === null && row.type !== "string" && !row.some);
		const value = isNothing ? row.default : raw;
		if (value === undefined || (value === "" && row.minBytes)) return undefined;
		const problem = this._problem(value, row, others);
		if (problem === undefined) return value;
		this.reject(name, problem);
		return row.default ?? null;
	}

	private _items(name: string, raw: unknown, row: Row): unknown {
		const itemOf = (name: string, item: unknown) =>
			row.items ? this._member(name, item, row.items, {}) : this.members(name, item, row as ObjectRow<Table>);
		if (!row.maxItems) return itemOf(name, raw === undefined ? {} : raw);
		const isList = Array.isArray(raw);
		const list = isList ? raw : raw === undefined ? [] : [raw];
		if (list.length <= row.maxItems)
			return list.map((item, index) => itemOf(isList ? `${name}[${index}]` : name, item));
		this.reject(name, row.problem!);
		return [];
	}

	/** The fault of a value. */
	private _problem(value: unknown, row: Row, others: Record<string, unknown>): string | undefined {
		const choices = row.enum ?? row.some;
		const isChoice = (item: unknown) => choices!.includes(item as string);
		if (row.enum) return isChoice(value) ? undefined : `must be one of ${row.enum.join(", ")}`;
		if (row.some) {
			const isSelection = value === false || (Array.isArray(value) && value.every(isChoice));
			return isSelection ? undefined : `must be false, or a list of ${row.some.join(", ")}`;
		}
		if (row.type === "boolean") return typeof value === "boolean" ? undefined : "must be true or false, without quotes";
		if (row.type === "string") {
			if (typeof value !== "string") return "must be a text in quotes";
			return (row.allOf ?? [row]).find((rule) => isBroken(rule, value))?.problem;
		}
		let { minimum = 0 } = row;
		let whose = "";
		if (typeof minimum !== "number") {
			const sensor = others.sensor as SensorModel;
			minimum = minimum[sensor];
			whose = ` for a ${sensor}`;
		}
		if (typeof value !== "number" || !(value >= minimum && value <= row.maximum!)) {
			return `must be a number from ${minimum} to ${row.maximum}${whose}`;
		}
		return row.type === "number" || Number.isInteger(value) ? undefined : "must be a whole number";
	}
}

function isBroken(rule: Rule, text: string): boolean {
	if (rule.or && new RegExp(rule.or).test(text)) return false;
	if (rule.pattern && !new RegExp(rule.pattern, "u").test(text)) return true;
	if (rule.not && new RegExp(rule.not, "u").test(text)) return true;
	if (rule.maxLength && text.length > rule.maxLength) return true;
	if (!rule.maxBytes) return false;
	const { length } = bytesOf(text);
	return length > rule.maxBytes || length < (rule.minBytes ?? 0);
}
