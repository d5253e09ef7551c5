/**
 * Pages whose commands are run as they are written there. A page is in Markdown, and the language of a block of code says
 * what becomes of it:
 *
 * | block | |
 * |---|---|
 * | `console` | a terminal: lines that begin with `$ ` are run, the others are what they print. A line that begins with `^C`: it is ended by Ctrl-C, when the section's other blocks are through; before that, where the same command comes again, or a broker is started. A block whose terminal is still busy is followed by one in another terminal. One that only receives, and ends by itself (`sub -C`), begins when all before it have printed what they are to |
 * | `log` | lines that the broker's terminal shows since the section began, in this order; others may be between them |
 * | `json`, `conf` | a file, where the line before it ends with its name: `` `config.json`: `` |
 * | `shell-session` | commands that no test can run; a comment before it, `<!-- sin ejecutar: … -->`, says why |
 * | `text` | anything else |
 *
 * A section, from `## ` on, is run in a network of its own (Linux), so that ports are those of the page, and in a folder that has
 * all of the project by links, and the files of the page. Its broker is the last one that the page has started, by a block
 * `$ mosquitto …`.
 *
 * `npm run aemet` asks a server in this network that plays AEMET, with a key of the test's in AEMET_API_KEY.
 *
 * npm's own lines (`> veleta@… mqtt`) are left out, as by `npm run -s`. See `same` for what may differ in the rest.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROGRAM as AEMET_PROGRAM, SERVER_PROGRAM as AEMET_SERVER } from "./aemet.ts";
import { KEY as AEMET_KEY } from "./aemet-answers.ts";
import { python } from "./mqtt-command.ts";
import { NetworkNamespace } from "./network-namespace.ts";
import { findProgram, type Program } from "./program.ts";
import type { Parts } from "./scenario.ts";
import { until } from "./wait.ts";

const INTERRUPTED = "^C";
const UNRUN = /^<!-- sin ejecutar: (.+) -->$/;
/** Of this project's folder, what a reader's clone has not. */
const NOT_CLONED = new Set([".git", ".veleta", "build", "config.json", "package.json"]);
/** U+001E, record separator: before the number of a command that has ended. */
const END = "\x1e";
const ENDING = new RegExp(`${END}\\d+\\r?$`);
const ESCAPE = "\x1b";
const SGR = new RegExp(`${ESCAPE}\\[[\\d;]*m`, "g");

export interface Block {
	readonly language: string;
	readonly lines: readonly string[];
	/** The last line before it that is not empty. */
	readonly before: string;
	/** Of the page. */
	readonly line: number;
}

export interface Section {
	readonly title: string;
	readonly blocks: readonly Block[];
	/** What started the broker that runs when the section begins, or that it starts itself. */
	readonly broker: BrokerStart | undefined;
}

interface BrokerStart {
	readonly command: string;
	/** Commands of its section before it, as they make the broker's files. */
	readonly before: readonly string[];
}

export interface Unrun {
	readonly command: string;
	/** Why; empty where the page does not say so. */
	readonly reason: string;
}

export class ConsolePage {
	readonly path: string;
	readonly text: string;
	readonly sections: readonly Section[];

	constructor(path: string) {
		this.path = path;
		this.text = readFileSync(path, "utf8");
		this.sections = sectionsOf(this.text);
	}

	get blocks(): readonly Block[] {
		return this.sections.flatMap(({ blocks }) => blocks);
	}

	/** The commands that are run. */
	get commands(): readonly string[] {
		return this.blocks.filter(({ language }) => language === "console").flatMap(({ lines }) => commandsOf(lines));
	}

	get unrun(): readonly Unrun[] {
		return this.blocks
			.filter(({ language }) => language === "shell-session")
			.flatMap(({ lines, before }) =>
				commandsOf(lines).map((command) => ({ command, reason: UNRUN.exec(before)?.[1] ?? "" })),
			);
	}

	/** The files that a reader is to write, by their names. */
	get files(): ReadonlyMap<string, string> {
		return new Map(
			this.blocks.flatMap(({ language, lines, before }) => {
				const [, name] = /`([\w.-]+)`:$/.exec(before) ?? [];
				return name !== undefined && ["json", "conf"].includes(language) ? [[name, `${lines.join("\n")}\n`]] : [];
			}),
		);
	}
}

function sectionsOf(text: string): Section[] {
	const sections: { title: string; blocks: Block[]; broker: BrokerStart | undefined }[] = [];
	let block: { language: string; lines: string[]; before: string; line: number } | undefined;
	let before = "";
	sections.push({ title: "", blocks: [], broker: undefined });
	for (const [index, line] of text.split("\n").entries()) {
		const last = sections.at(-1)!;
		const [, fence] = /^```(.*)$/.exec(line) ?? [];
		if (block && fence === "") {
			last.blocks.push(block);
			const command = commandsOf(block.lines).find(isBroker);
			const earlier = last.blocks.slice(0, -1).filter(({ language }) => language === "console");
			if (command !== undefined) last.broker = { command, before: earlier.flatMap(({ lines }) => commandsOf(lines)) };
			block = undefined;
		} else if (block) block.lines.push(line);
		else if (fence !== undefined) block = { language: fence, lines: [], before, line: index + 1 };
		else if (line.startsWith("## ")) sections.push({ title: line.slice(3), blocks: [], broker: last.broker });
		else if (line !== "") before = line;
	}
	assert.equal(block, undefined, "a block without an end");
	return sections;
}

function commandsOf(lines: readonly string[]): string[] {
	return lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2).replace(/ +# .*$/, ""));
}

function isBroker(command: string): boolean {
	return /^mosquitto( |$)/.test(command);
}

/** The place of the line of Ctrl-C, behind which a program may say something; -1: there is none. */
function interruptionIn(lines: readonly string[]): number {
	return lines.findIndex((line) => line.startsWith(INTERRUPTED));
}

/** How often a command subscribes: of `npm start` both the station and the table. */
function subscriptionsOf(command: string): number {
	if (/^npm start /.test(command)) return 2;
	return isSubscriber(command) ? 1 : 0;
}

function isSubscriber(command: string): boolean {
	return /(?: |^mosquitto_)sub /.test(command);
}

/** The project's, but that `npm run aemet` asks the server of the test's. */
function packageOfPages(): string {
	const { scripts, ...rest } = JSON.parse(readFileSync("package.json", "utf8"));
	return JSON.stringify({ ...rest, scripts: { ...scripts, aemet: `node "${AEMET_PROGRAM}"` } });
}

/** Runs all that a section has; throws where its output is not the page's. */
export async function runSection(parts: Parts, page: ConsolePage, section: Section): Promise<void> {
	for (const name of readdirSync(".")) {
		if (!NOT_CLONED.has(name)) symlinkSync(join(process.cwd(), name), join(parts.folder, name));
	}
	writeFileSync(join(parts.folder, "package.json"), packageOfPages());
	// Root's mosquitto would become another user, who may not read here.
	const more = process.getuid?.() === 0 ? "user root\n" : "";
	for (const [name, text] of page.files) {
		writeFileSync(join(parts.folder, name), text + (name.endsWith(".conf") ? more : ""));
	}
	const network = await NetworkNamespace.start(parts.folder, "nameserver 127.0.0.1\n");
	parts.onEnd(() => network.close());
	const asksAemet = section.blocks.some(({ lines }) =>
		commandsOf(lines).some((line) => line.startsWith("npm run aemet ")),
	);
	await new Run(parts, network, section, asksAemet ? await playAemet(parts, network) : {}).all();
}

/** The variables of a terminal whose `npm run aemet` asks it. */
async function playAemet(parts: Parts, network: NetworkNamespace): Promise<Readonly<Record<string, string>>> {
	const server = parts.own(network.run("AEMET", process.execPath, [AEMET_SERVER]));
	return { AEMET_TEST_ORIGIN: await server.line(/^http:/), AEMET_API_KEY: AEMET_KEY };
}

interface Terminal {
	readonly program: Program;
	readonly folder: string;
	/** Commands that it got. */
	count: number;
}

/** A block at work. */
interface Work {
	readonly block: Block;
	readonly terminal: Terminal;
	/** Lines of the terminal before it. */
	readonly from: number;
	readonly expected: readonly string[];
	isInterrupted: boolean;
}

class Run {
	private readonly _parts: Parts;
	private readonly _network: NetworkNamespace;
	private readonly _section: Section;
	/** Of the environment of its terminals, with those that all have. */
	private readonly _variables: Readonly<Record<string, string>>;
	private readonly _terminals: Terminal[] = [];
	private readonly _works: Work[] = [];
	private _broker: Program | undefined;

	constructor(parts: Parts, network: NetworkNamespace, section: Section, variables: Readonly<Record<string, string>>) {
		this._parts = parts;
		this._network = network;
		this._section = section;
		this._variables = variables;
	}

	async all(): Promise<void> {
		const { blocks, broker } = this._section;
		const startsBroker = blocks.some(({ lines }) => commandsOf(lines).some(isBroker));
		if (broker && !startsBroker) {
			const terminal = this._open();
			for (const command of broker.before) {
				this._give(terminal, command);
				await until(`the end of ${command}`, () => this._isIdle(terminal));
			}
			await this._startBroker(broker.command);
		}
		for (const block of blocks) {
			if (block.language === "log") await this._log(block.lines);
			if (block.language !== "console") continue;
			const commands = commandsOf(block.lines);
			if (commands.some(isBroker)) {
				assert.deepEqual(commands.length, 1, `line ${block.line}: the broker has a block of its own`);
				for (const work of this._works) await this._interrupt(work);
				await this._startBroker(commands[0]!);
				await this._log(block.lines.slice(1).filter((line) => !line.startsWith(INTERRUPTED)));
			} else {
				const isAgain = (work: Work) => commandsOf(work.block.lines).at(-1) === commands.at(-1);
				for (const work of this._works.filter(isAgain)) await this._interrupt(work);
				if (commands.every((command) => isSubscriber(command) && / -C /.test(command))) await this._printed();
				await this._begin(block, commands);
			}
		}
		const hasEnded = (work: Work) => this._next(work) !== undefined || this._isIdle(work.terminal);
		const isThrough = (work: Work) => hasEnded(work) && this._isComplete(work);
		const endless = this._works.filter(({ expected }) => interruptionIn(expected) >= 0);
		const others = this._works.filter((work) => !endless.includes(work));
		// One that is complete may be what another one waits for.
		await until(`all output of "${this._section.title}"`, async () => {
			if (!others.every(isThrough)) return false;
			for (const work of endless) await this._interrupt(work);
			return this._works.every(isThrough);
		}).catch((error: Error) => {
			this._compare();
			throw error;
		});
		this._compare();
	}

	/** Resolves when all blocks so far have printed what they are to. */
	private async _printed(): Promise<void> {
		await until(`all output so far of "${this._section.title}"`, () =>
			this._works.every((work) => this._isComplete(work)),
		).catch((error: Error) => {
			this._compare();
			throw error;
		});
	}

	private async _startBroker(command: string): Promise<void> {
		const exec = command.replace(/^mosquitto/, findProgram("mosquitto"));
		this._broker = this._parts.own(this._network.run(command, "/bin/sh", ["-c", `exec ${exec}`]));
		await this._broker.line(/mosquitto version .* running$/);
	}

	private async _log(lines: readonly string[]): Promise<void> {
		const wanted = lines.map(masked);
		await until(`in the broker's terminal: ${wanted.join(" / ")}`, () => {
			let found = 0;
			for (const line of this._broker!.lines) if (masked(line) === wanted[found]) found++;
			return found === wanted.length;
		});
	}

	/** Resolves when the next block may begin. */
	private async _begin(block: Block, commands: readonly string[]): Promise<void> {
		const terminal = this._terminals.findLast((terminal) => this._isIdle(terminal)) ?? this._open();
		const expected = block.lines.filter((line) => !line.startsWith("$ "));
		const work = { block, terminal, from: terminal.program.lines.length, expected, isInterrupted: false };
		this._works.push(work);
		for (const [index, command] of commands.entries()) {
			const before = this._subscriptions;
			this._give(terminal, command);
			const wanted = this._broker ? subscriptionsOf(command) : 0;
			const hasSubscribed = () => wanted > 0 && this._subscriptions >= before + wanted;
			const isLast = index === commands.length - 1;
			const isEndless = isLast && interruptionIn(expected) >= 0;
			const isBackground = command.endsWith("&");
			await until(`the end or the subscription of ${command}`, () => {
				if (isBackground) return hasSubscribed();
				if (this._isIdle(terminal)) return true;
				return (isLast && isSubscriber(command) && hasSubscribed()) || (isEndless && this._isComplete(work));
			}).catch((error: Error) => {
				this._compare();
				throw error;
			});
		}
	}

	private get _subscriptions(): number {
		return this._broker?.count(/ Sending SUBACK to /) ?? 0;
	}

	/** A terminal whose shell takes commands from files, and says when they have ended: behind all that they print. */
	private _open(): Terminal {
		const folder = join(this._parts.folder, `.terminal-${this._terminals.length}`);
		mkdirSync(folder);
		const script = `trap echo INT; n=0; while :; do
			if [ -e '${folder}'/$n ]; then . '${folder}'/$n; printf '${END}%d\\n' $n; n=$((n + 1)); else sleep 0.05; fi
		done`;
		const variables = {
			PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin`,
			HOME: this._parts.folder,
			LANG: "C.UTF-8",
			// No colours.
			TERM: "dumb",
			npm_config_loglevel: "silent",
			npm_config_update_notifier: "false",
			...this._variables,
		};
		const environment = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
		const command = [python(), join(process.cwd(), "test/harness/terminal.py"), "/bin/sh", "-c", script];
		const program = this._network.run("a terminal", "/usr/bin/env", ["-i", ...environment, ...command]);
		this._parts.own(program);
		const terminal = { program, folder, count: 0 };
		this._terminals.push(terminal);
		return terminal;
	}

	private _give(terminal: Terminal, command: string): void {
		const file = join(terminal.folder, String(terminal.count++));
		writeFileSync(`${file}.new`, `${command}\n`);
		renameSync(`${file}.new`, file);
	}

	private _isIdle({ program, count }: Terminal): boolean {
		return count === 0 || program.lines.some((line) => line.trimEnd().endsWith(`${END}${count - 1}`));
	}

	/** Presses Ctrl-C where it is the block's turn. */
	private async _interrupt(work: Work): Promise<void> {
		const { expected, terminal, isInterrupted } = work;
		if (isInterrupted || interruptionIn(expected) < 0 || !this._isComplete(work)) return;
		work.isInterrupted = true;
		terminal.program.signal("SIGINT");
		await until(`the end of ${work.block.lines[0]} after Ctrl-C`, () => this._isIdle(terminal));
	}

	/** Whether it has printed all that it is to print before Ctrl-C; after that, all. */
	private _isComplete(work: Work): boolean {
		return same(this._output(work), this._expected(work));
	}

	private _expected({ expected, isInterrupted }: Work): readonly string[] {
		const end = isInterrupted ? -1 : interruptionIn(expected);
		return end < 0 ? expected : expected.slice(0, end);
	}

	private _output(work: Work): string[] {
		const lines = work.terminal.program.lines.slice(work.from, this._next(work)?.from);
		return lines.filter((line) => !line.startsWith(END)).map((line) => line.replace(ENDING, ""));
	}

	/** The next one in its terminal. */
	private _next(work: Work): Work | undefined {
		const later = this._works.slice(this._works.indexOf(work) + 1);
		return later.find(({ terminal }) => terminal === work.terminal);
	}

	private _compare(): void {
		for (const work of this._works) {
			const output = this._output(work);
			const expected = this._expected(work);
			if (same(output, expected)) continue;
			const shown = output.map(plain).join("\n");
			assert.deepEqual(comparable(output), comparable(expected), `line ${work.block.line}:\n${shown}`);
		}
	}
}

/** Whether what a program printed is what the page shows, but for what is different each time. */
export function same(output: readonly string[], shown: readonly string[]): boolean {
	const [left, right] = [comparable(output), comparable(shown)];
	return left.length === right.length && left.every((line, index) => line === right[index]);
}

/** Lines in which what changes is masked; of readings in a row only how they look, as their number is the machine's affair. */
function comparable(lines: readonly string[]): string[] {
	const result: string[] = [];
	let readings = new Set<string>();
	const flush = () => {
		result.push(...[...readings].sort());
		readings = new Set();
	};
	// Of before Ctrl-C, while only more of them, and empty lines, have followed: a reading may be in the middle of its lines then.
	let interrupted: ReadonlySet<string> | undefined;
	for (const line of lines.map(plain)) {
		const isInterruption = line.startsWith(INTERRUPTED);
		const text = masked(isInterruption ? line.slice(INTERRUPTED.length) : line);
		if (isInterruption) {
			interrupted = readings;
			flush();
			result.push(INTERRUPTED);
		}
		if (interrupted && (text === "" || interrupted.has(text))) continue;
		interrupted = undefined;
		if (UNSTABLE.some((pattern) => pattern.test(text))) continue;
		if (text.includes("VALUE")) {
			readings.add(text);
			continue;
		}
		flush();
		result.push(text);
	}
	flush();
	while (result.at(-1) === "") result.pop();
	return brokerFirst(result);
}

/** What the broker and AEMET answer comes in any order: in a row of their lines those of the broker come first. */
function brokerFirst(lines: readonly string[]): string[] {
	const result: string[] = [];
	for (const line of lines) {
		let at = result.length;
		if (line.startsWith("broker ")) while (result[at - 1]?.startsWith("aemet ")) at--;
		result.splice(at, 0, line);
	}
	return result;
}

/** Lines that come at some times only: where the machine is slow, at the first start in a folder, and where the broker answers before AEMET. */
const UNSTABLE = [
	/^station (?:the reading|all readings) that waited ha(?:s|ve) arrived$/,
	/^veleta made the folder \.veleta for the station's flash$/,
];

function plain(line: string): string {
	return line.replaceAll("\r", "").replaceAll(SGR, "").trimEnd();
}

/** Quantities in a station's JSON; AEMET's has no number, and the same values each time. */
const MEMBER = /"(temperature|humidity|pressure)":-?\d+(\.\d+)?(?=.*"seq":)/g;
/** What the stations of the pages measure; messages in other topics are sent by hand, and are the same each time. */
const MEASURED = /^((?:message +)?Casa\/(?:Cocina|Terraza)\/(?:Temperatura|Humedad|Presion)) -?\d+(\.\d+)?/;

function masked(line: string): string {
	return (
		plain(line)
			// First, as parts of it may look like times.
			.replace(/\b(?:[0-9A-F]{2}:){31}[0-9A-F]{2}\b/g, "SHA256")
			.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "TIME")
			.replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, "TIME")
			.replace(/\b\d\d:\d\d:\d\d\b/g, "TIME")
			.replace(/^\d{10}: /, "TIME: ")
			.replace(/(?:127\.0\.0\.1|::1):\d{5}\b/g, "CLIENT")
			.replace(/\bveleta-[0-9a-f]{12}\b/g, "veleta-RANDOM")
			.replace(/-?\d+\.\d+ (°C|%|hPa)/g, "VALUE $1")
			.replace(MEMBER, '"$1":VALUE')
			.replace(MEASURED, "$1 VALUE")
			.replace(/#\d+/g, "#N")
			.replace(/"seq":\d+/g, '"seq":N')
			.replace(/\b\d+ waiting\b/g, "N waiting")
			.replace(/\b[1-9]\d* readings stored\b/g, "N readings stored")
			.replace(/^(?:readings|redelivered) .*/, (counters) => counters.replace(/\d+/g, "N"))
			.replace(/ +/g, " ")
	);
}
