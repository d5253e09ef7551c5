/**
 * Node-RED with its dashboard, and a page of it in Chromium without a screen. It is a package of its own, in
 * `test/node-red`, which `npm ci` in the project's folder does not install.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { NO_CHROMIUM, newPage, startBrowser, type WatchedPage } from "./browser.ts";
import { freePort } from "./ports.ts";
import { Program } from "./program.ts";
import type { Parts } from "./scenario.ts";

const fromPackage = createRequire(join(process.cwd(), "test/node-red/package.json"));

const RUNNING = /Started flows$/;

/** Why no Node-RED can be started and looked at here, or `false`. */
export const NO_NODE_RED: string | false = (() => {
	try {
		fromPackage.resolve("node-red/red.js");
		return NO_CHROMIUM;
	} catch {
		return "Node-RED is missing: npm ci in test/node-red";
	}
})();

/** The points of a chart by station: ms since 1970, and the value. */
export type Series = Readonly<Record<string, readonly (readonly [time: number, value: number])[]>>;

export class NodeRed {
	/** Whom the page has asked; an empty text for what it had in itself. */
	readonly hosts: ReadonlySet<string>;
	private readonly _program: Program;
	private readonly _page: Page;

	private constructor(program: Program, { page, hosts }: WatchedPage) {
		this._program = program;
		this._page = page;
		this.hosts = hosts;
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
		const browser = await startBrowser();
		parts.onEnd(() => browser.close());
		const watched = await newPage(browser);
		// The dashboard's own tests find its charts by this, and so do ours.
		await watched.page.addInitScript("window.Cypress = true");
		const nodeRed = new NodeRed(program, watched);
		await watched.page.goto(`http://127.0.0.1:${port}${path}`);
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
