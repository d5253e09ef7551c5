/** The pages in Spanish: each command as it is written there, and what the page shows of its output (`console-page.ts`). */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { ConsolePage, runSection, same } from "../harness/console-page.ts";
import { scenario } from "../harness/scenario.ts";

const skip = process.platform === "linux" ? false : "networks of their own are Linux's";
const PATHS = ["README.es.md", "docs/es/mqtt.md", "docs/es/estacion.md", "docs/es/aemet.md"] as const;
const PAGES = PATHS.map((path) => new ConsolePage(path));

/** How many commands of a page are not run, by the reasons that the page gives. */
const UNRUN: Readonly<Record<(typeof PATHS)[number], Readonly<Record<string, number>>>> = {
	"README.es.md": { "descarga paquetes de Internet": 1, "son las propias pruebas": 1 },
	"docs/es/mqtt.md": { "instala programas desde Internet": 3, "publicaría en un bróker de Internet": 2 },
	"docs/es/estacion.md": {
		"descarga paquetes de Internet": 1,
		"descarga el SDK y ESP-IDF de Internet": 5,
		"necesita ESP-IDF": 4,
		"necesita una placa": 5,
	},
	"docs/es/aemet.md": { "descarga paquetes de Internet": 1, "la clave es la tuya": 1 },
};

/** Commands in a sentence that no block of the page has: one that runs until Ctrl-C, and one that installs programs. */
const MENTIONED: Readonly<Record<(typeof PATHS)[number], readonly string[]>> = {
	"README.es.md": [
		"npm run simulate",
		"apt-get install mosquitto mosquitto-clients python3-paho-mqtt openssl libmbedtls-dev",
	],
	"docs/es/mqtt.md": [],
	"docs/es/estacion.md": [],
	"docs/es/aemet.md": [],
};

/** What each kind of block is, `console-page.ts` says. */
const LANGUAGES = ["console", "log", "json", "conf", "shell-session", "text"];
const WITH_COMMANDS = ["console", "shell-session"];
/** The beginning of what somebody would type. */
const COMMAND = /^(?:\$ |(?:npm|npx|node|mosquitto|mosquitto_\w+|openssl|git|cp|kill|sudo|apt-get|export) )/;

test("README.es.md has the commands of README.md's first screen, and each has a link to the other", () => {
	const [english, spanish] = ["README.md", "README.es.md"].map((path) => readFileSync(path, "utf8"));
	const commands = (text: string) => text.split(/^## /m)[0]!.match(/^\$ .*$/gm);
	assert.deepEqual(commands(spanish!), commands(english!));
	assert.ok(english!.includes("](README.es.md)") && spanish!.includes("](README.md)"));
});

test("output that is not the page's is noticed, and what changes each time is not", () => {
	const row = "13:58:20   12.69 °C   52.7 %  1021.86 hPa  #1      online, 0 waiting";
	const value = "Casa/Cocina/Temperatura 12.69";
	assert.ok(same([row, value], [row.replace("20", "22").replace("12.69", "-1.50"), value.replace("12.69", "15")]));
	assert.ok(same([row, row.replace("#1", "#2"), "end"], [row, "end"]));
	const [broker, aemet] = ["broker   localhost:1883: connected", "aemet    12 new, the last of 2026-12-01 16:00 UTC"];
	assert.ok(same([aemet, broker], [broker, aemet.replace("16:00", "17:00")]));
	for (const [output, shown] of [
		[[aemet], [aemet.replace("12 new", "11 new")]],
		[["store    12 readings stored"], ["store    0 readings stored"]],
		[[row], [row.replace("online", "offline")]],
		[[row, value], [row]],
		[["Casa/Salon/Temperatura 21.5"], ["Casa/Salon/Temperatura 21.6"]],
		[["connected in MQTT 5.0, session new"], ["connected in MQTT 5.0, session resumed"]],
		[
			["a", "b"],
			["b", "a"],
		],
		[["a"], []],
	] as const) {
		assert.ok(!same(output, shown), output.join("; "));
	}
});

for (const page of PAGES) {
	const { path, text, blocks, commands, unrun, files } = page;

	test(`${path}: each command is in a block that is run, or has its reason`, () => {
		const counted: Record<string, number> = {};
		for (const { reason } of unrun) counted[reason] = (counted[reason] ?? 0) + 1;
		assert.deepEqual(counted, UNRUN[path as (typeof PATHS)[number]]);
		assert.ok(commands.length > 0);

		for (const { language, lines, line } of blocks) {
			const where = `line ${line}`;
			assert.ok(LANGUAGES.includes(language), `${where}: ${language}`);
			if (WITH_COMMANDS.includes(language)) assert.match(lines[0] ?? "", /^\$ /, where);
			else
				assert.deepEqual(
					lines.filter((line) => COMMAND.test(line)),
					[],
					where,
				);
		}
		// Nor outside of the blocks: indented ones, and what stands in a sentence.
		const prose = text.replace(/^```.*?^```$/gms, "");
		assert.deepEqual(
			[...prose.matchAll(/^(?: {4}|\t)\s*(.*)$/gm)].filter(([, line]) => COMMAND.test(line!)),
			[],
		);
		const all = [...commands, ...unrun.map(({ command }) => command)];
		const quoted = [...prose.matchAll(/`([^`]+)`/g)].map(([, code]) => code!.replace(/\s+/g, " "));
		const elsewhere = quoted.filter((code) => COMMAND.test(code) && !all.some((command) => command.startsWith(code)));
		assert.deepEqual(elsewhere, MENTIONED[path as (typeof PATHS)[number]]);
	});

	test(`${path}: files and links are there`, () => {
		const wanted = blocks.filter(({ language }) => ["json", "conf"].includes(language));
		assert.equal(files.size, wanted.length, "each has a name of its own");
		const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link]) => join(dirname(path), link!));
		assert.ok(links.length > 0);
		assert.deepEqual(
			links.filter((link) => !existsSync(link)),
			[],
		);
	});

	describe(path, { concurrency: 3 }, () => {
		for (const section of page.sections) {
			if (!section.blocks.some(({ language }) => language === "console")) continue;
			scenario(section.title || "before the first heading", (parts) => runSection(parts, page, section), { skip });
		}
	});
}
