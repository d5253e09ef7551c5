/**
 * Node-RED with its dashboard, and a page of it in Chromium without a screen. They are a package of their own, in
 * `test/node-red`, which `npm ci` in the project's folder does not install.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { freePort } from "./ports.ts";
import { findProgram, Program } from "./program.ts";
import type { Parts } from "./scenario.ts";
import { patience } from "./wait.ts";

const fromPackage = createRequire(join(process.cwd(), "test/node-red/package.json"));

/** Of playwright-core, what is used here. */
interface Page {
	setDefaultTimeout(timeout: number): void;
	addInitScript(script: string): Promise<unknown>;
	goto(url: string): Promise<unknown>;
	evaluate<Value>(expression: string): Promise<Value>;
	click(selector: string): Promise<void>;
	on(event: "request", listener: (request: { url(): string }) => void): void;
}
interface Browser {
	newPage(): Promise<Page>;
	close(): Promise<void>;
}
interface Playwright {
	readonly chromium: { launch(options: object): Promise<Browser> };
}

const RUNNING = /Started flows$/;

/** The page has no screen, asks nobody but this computer, and may run as root. */
const FLAGS = [
	...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
	...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
	"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** Why no Node-RED can be started and looked at here, or `false`. */
export const NO_NODE_RED: string | false = (() => {
	try {
		fromPackage.resolve("playwright-core");
	} catch {
		return "Node-RED is missing: npm ci in test/node-red";
	}
	try {
		findProgram("chromium");
		return false;
	} catch (error) {
		return (error as Error).message;
	}
})();

/** The points of a chart by station: ms since 1970, and the value. */
export type Series = Readonly<Record<string, readonly (readonly [time: number, value: number])[]>>;

export class NodeRed {
	/** Whom the page has asked; an empty text for what it had in itself. */
	readonly hosts = new Set<string>();
	private readonly _program: Program;
	private readonly _page: Page;

	private constructor(program: Program, page: Page) {
		this._program = program;
		this._page = page;
		page.on("request", (request) => this.hosts.add(new URL(request.url()).hostname));
	}

	/** Starts one that nobody but this computer reaches, and opens the page of a dashboard; resolves when the page is there. */
	static async start(parts: Parts, flow: readonly object[], path: string): Promise<NodeRed> {
		const folder = join(parts.folder, "node-red");
		const port = await freePort();
		mkdirSync(folder);
		writeFileSync(join(folder, "flows.json"), JSON.stringify(flow));
		writeFileSync(join(folder, "settings.js"), `module.exports = ${JSON.stringify(settingsOf(port))};`);
		const args = [fromPackage.resolve("node-red/red.js"), "--userDir", folder];
		const program = parts.own(new Program("Node-RED", process.execPath, args, folder));
		await program.line(RUNNING);
		const { chromium } = fromPackage("playwright-core") as Playwright;
		const timeout = patience();
		const browser = await chromium.launch({ executablePath: findProgram("chromium"), args: FLAGS, timeout });
		parts.onEnd(() => browser.close());
		const page = await browser.newPage();
		page.setDefaultTimeout(timeout);
		// The dashboard's own tests find its charts by this, and so do ours.
		await page.addInitScript("window.Cypress = true");
		const nodeRed = new NodeRed(program, page);
		await page.goto(`http://127.0.0.1:${port}${path}`);
		return nodeRed;
	}

	/** What it has had to complain of since the flow has been running. */
	get complaints(): string[] {
		const { lines } = this._program;
		const started = lines.findIndex((line) => RUNNING.test(line));
		return lines.slice(started).filter((line) => /\[(warn|error)\]/.test(line));
	}

	/** What a chart has drawn, or nothing before it is there. */
	chart(id: string): Promise<Series> {
		const series = `window.uiCharts?.[${JSON.stringify(id)}]?.chart?.getOption().series ?? []`;
		return this._page.evaluate(`Object.fromEntries((${series}).map(({ name, data }) => [name, data]))`);
	}

	/** The text of the first element that the selector finds, or nothing before it is there. */
	text(selector: string): Promise<string | undefined> {
		return this._page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText`);
	}

	click(selector: string): Promise<void> {
		return this._page.click(selector);
	}
}

function settingsOf(port: number) {
	const closed = { allowInstall: false, allowUpload: false };
	return {
		uiHost: "127.0.0.1",
		uiPort: port,
		disableEditor: true,
		flowFile: "flows.json",
		credentialSecret: false,
		telemetry: { enabled: false, updateNotification: false },
		externalModules: { palette: closed, modules: closed },
	};
}
