/** Files from the table of settings: the JSON Schema of `config.json`, the table in the docs, and the help in README. */
import { PEM_SETTINGS } from "../hosts/node/pem-files.ts";
import { PUBLIC_BROKERS } from "../hosts/node/public-brokers.ts";
import { urlPattern } from "../src/net/broker-url.ts";
import type { ObjectRow, Row, Rule, Table } from "../src/settings/table.ts";
import { SETTINGS } from "../src/settings/table.ts";
import { defaultOf, leastOf, rows, type SettingName, TEXTS, valuesOf } from "../src/settings/texts.ts";
import { USAGE } from "./start/options.ts";

type Schema = Record<string, unknown>;

const DRAFT = "http://json-schema.org/draft-07/schema#";
/** Between these lines the docs have the table. */
const BEGIN = "<!-- from src/settings/table.ts: npm run settings -->";
const END = "<!-- that was it -->";
/** README has the help of `npm start` as such a block. */
const HELP_BLOCK = /^```\nUsage: npm start[^`]*^```$/m;

/**
 * The schema as JSON. It accepts all settings that the program accepts, and some that
 * the program refuses: it has no rules for bytes, nor for two members together.
 */
export function schemaFile(): string {
	const schema = {
		$schema: DRAFT,
		title: "Settings of a Veleta station",
		...objectSchema("", { properties: SETTINGS }),
	};
	// Lets a file name this schema.
	schema.properties = { $schema: {}, ...schema.properties };
	return `${JSON.stringify({ ...schema, allOf: slowSensors() }, undefined, "\t")}\n`;
}

/** The docs with the present table between its marks. */
export function docsFile(text: string): string {
	const [before, rest] = text.split(BEGIN);
	const [, after] = rest?.split(END) ?? [];
	if (before === undefined || after === undefined) throw new Error(`there is no ${BEGIN} with ${END} behind it`);
	const lines = rows().map(
		([name, row]) => `| \`${name}\` | ${valuesOf(row)} | ${defaultOf(name, row)} | ${TEXTS[name]} |`,
	);
	return [
		`${before}${BEGIN}`,
		"",
		"| setting | values | default | meaning |",
		"|---|---|---|---|",
		...lines,
		"",
		`${END}${after}`,
	].join("\n");
}

/** README with the present help of `npm start`. */
export function readmeFile(text: string): string {
	if (!HELP_BLOCK.test(text)) throw new Error("README.md has no block that begins with Usage: npm start");
	return text.replace(HELP_BLOCK, () => `\`\`\`\n${USAGE}\`\`\``);
}

function objectSchema(prefix: string, { properties, together }: ObjectRow<Table>) {
	const members = Object.entries(properties);
	const required = members.filter(([, row]) => row.default === "").map(([name]) => name);
	return {
		type: "object",
		properties: Object.fromEntries(
			members.map(([name, row]) => [name, rowSchema(`${prefix}${name}` as SettingName, row)]),
		) as Schema,
		...(required.length > 0 && { required }),
		...(together && {
			dependencies: Object.fromEntries(together.map((name) => [name, together.filter((other) => other !== name)])),
		}),
		additionalProperties: false,
	};
}

function rowSchema(name: SettingName, row: Row): Schema {
	const about = {
		description: TEXTS[name],
		...(row.default !== undefined && row.default !== "" && { default: row.default }),
	};
	if (row.enum) return { ...about, enum: [...row.enum, null] };
	if (row.some) return { ...about, anyOf: [{ const: false }, { type: "array", items: { enum: row.some } }] };
	if (row.items) {
		const { description, ...schema } = rowSchema(name, row.items);
		return { description, anyOf: [schema, { type: "array", maxItems: row.maxItems, items: schema }] };
	}
	if (row.properties) {
		const schema = objectSchema(`${name}.`, row as ObjectRow<Table>);
		const { maxItems } = row;
		if (row.orBoolean) return { ...about, anyOf: [{ type: "boolean" }, schema] };
		return maxItems === undefined
			? { ...about, ...schema }
			: { ...about, anyOf: [schema, { type: "array", maxItems, items: schema }] };
	}
	if (row.type === "boolean") return { ...about, type: ["boolean", "null"] };
	if (row.type === "string" && row.orBoolean)
		return { ...about, anyOf: [{ type: ["boolean", "null"] }, { type: "string", ...textSchema(name, row) }] };
	if (row.type === "string") return { ...about, type: "string", ...textSchema(name, row) };
	return { ...about, type: [row.type, "null"], minimum: leastOf(row), maximum: row.maximum };
}

function textSchema(name: SettingName, row: Row): Schema {
	if (PEM_SETTINGS.includes(name)) return {};
	// The computer turns names of public brokers into URLs.
	if (name === "broker") return { anyOf: [{ pattern: urlPattern().source }, { enum: PUBLIC_BROKERS }] };
	return row.allOf ? { allOf: row.allOf.map(ruleSchema) } : ruleSchema(row);
}

/** The schema counts characters. A text never has more characters than bytes, so the longest length in bytes holds. */
function ruleSchema({ or, ...rule }: Rule): Schema {
	if (or !== undefined) return { anyOf: [{ pattern: or }, ruleSchema(rule)] };
	const { pattern, not, maxLength, maxBytes } = rule;
	return {
		...(pattern !== undefined && { pattern }),
		...(not !== undefined && { not: { pattern: not } }),
		...(maxLength !== undefined && { maxLength }),
		...(maxBytes !== undefined && { maxLength: maxBytes }),
	};
}

/** Sensors that cannot be asked as often as others. */
function slowSensors(): Schema[] {
	return Object.entries(SETTINGS).flatMap(([name, row]: [string, Row]) => {
		if (typeof row.minimum !== "object") return [];
		const slow = Object.entries(row.minimum).filter(([, minimum]) => minimum > leastOf(row));
		return slow.map(([sensor, minimum]) => ({
			if: { properties: { sensor: { const: sensor } }, required: ["sensor"] },
			// biome-ignore lint/suspicious/noThenProperty: JSON Schema's word
			then: { properties: { [name]: { type: [row.type, "null"], minimum } } },
		}));
	});
}
