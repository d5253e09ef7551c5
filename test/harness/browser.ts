/** Debian's Chromium without a screen, and pages in it that tell what they ask for and complain of. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { findProgram } from "./program.ts";
import { patience } from "./wait.ts";

/** The page has no screen, asks nobody but this computer, and may run as root. */
const FLAGS = [
	...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
	...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
	"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/** Why no page can be looked at here, or `false`. */
export const NO_CHROMIUM: string | false = (() => {
	try {
		findProgram("chromium");
		return false;
	} catch (error) {
		return (error as Error).message;
	}
})();

export function startBrowser(): Promise<Browser> {
	return chromium.launch({ executablePath: findProgram("chromium"), args: FLAGS, timeout: patience() });
}

export interface WatchedPage {
	readonly page: Page;
	/** Whom the page has asked; an empty text for what it had in itself. */
	readonly hosts: ReadonlySet<string>;
	/** Errors and warnings on its console, and exceptions. */
	readonly complaints: string[];
}

/** A page of its own, with nothing from others; it shows nothing yet. */
export async function newPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
	const context = await browser.newContext(options);
	const page = await context.newPage();
	page.setDefaultTimeout(patience());
	const hosts = new Set<string>();
	const complaints: string[] = [];
	page.on("request", (request) => hosts.add(new URL(request.url()).hostname));
	page.on("pageerror", (error) => complaints.push(String(error)));
	page.on("console", (message) => {
		if (["error", "warning"].includes(message.type())) complaints.push(message.text());
	});
	return { page, hosts, complaints };
}
