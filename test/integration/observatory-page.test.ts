/** The observatory as a person sees it: real stations, mosquitto, the store, and the page in a real Chromium. */
import assert from "node:assert/strict";
import { after } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { Chart } from "../../commands/observatory/api.ts";
import { NO_CHROMIUM, newPage, startBrowser } from "../harness/browser.ts";
import { Observatory } from "../harness/observatory.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";

const TERRACE = "veleta/terrace";
const STATION_VIEW = "#/station/veleta%2Fterrace/hour";
const MINUTE = 60_000;

let browser: Promise<Browser> | undefined;
after(async () => (await browser)?.close());

async function look(parts: Parts, url: string): Promise<Page> {
	browser ??= startBrowser();
	const { page, complaints } = await newPage(await browser, { locale: "en-GB", timezoneId: "Europe/Madrid" });
	parts.onEnd(() => page.context().close());
	parts.shows("what the page complains of", complaints);
	await page.goto(url);
	return page;
}

/** What a person reads on the whole page, in one line. */
const textOf = async (page: Page) => (await page.innerText("body")).replace(/\s+/g, " ");
const shows = (page: Page, pattern: RegExp) => until(`${pattern}`, async () => pattern.test(await textOf(page)));
const numberOf = (text: string) => Number(/, number ([\d,]+)/.exec(text)?.[1]?.replaceAll(",", ""));

scenario(
	"A station's readings appear as they come, and its replies to the page's commands.",
	async (parts) => {
		const broker = await parts.mosquitto();
		const observatory = await Observatory.start(parts, ["--broker", `mqtt://127.0.0.1:${broker.port}`]);
		const page = await look(parts, `http://127.0.0.1:${observatory.port}/${STATION_VIEW}`);
		const station = parts.station(broker, "--id", "terrace", "--interval", "1h", "--state", "terrace.flash");
		await shows(page, /Online since .* Last reading: .*, number 1\b/);
		await page.click("[data-command=sample]");
		await shows(page, /, number 2\b/);
		await page.fill("input[type=number]", "1");
		await page.click("[data-command=interval]");
		const before = numberOf(await textOf(page));
		await until("readings each second", async () => numberOf(await textOf(page)) >= before + 3);
		page.once("dialog", (dialog) => dialog.accept());
		await page.click("[data-command=restart]");
		await page.click("[data-command=restart-now]");
		await station.line(/status offline/);
		await shows(page, /Offline since|Online since/);
		await broker.kill();
		await until("the broker's end to be told", async () => (await observatory.text("/healthz")) !== "ok\n");
		await observatory.kill();
		await shows(page, /No connection to the observatory/);
	},
	{ skip: NO_CHROMIUM },
);

scenario(
	"An outage is a gap in the chart, and late readings fill it.",
	async (parts) => {
		const broker = await parts.mosquitto();
		const observatory = await Observatory.start(parts, ["--broker", `mqtt://127.0.0.1:${broker.port}`]);
		const begin = Date.now() - 55 * MINUTE;
		const lines = (from: number, to: number) =>
			Array.from({ length: to - from + 1 }, (_, index) => {
				const seq = from + index;
				return JSON.stringify({
					temperature: 20 + (seq % 10) / 10,
					time: new Date(begin + seq * MINUTE).toISOString(),
					seq,
				});
			});
		const publish = async (level: string, from: number, to: number) => {
			for (const line of lines(from, to)) await broker.publish(`${TERRACE}/${level}`, "-m", line);
		};
		await publish("state", 1, 10);
		await publish("state", 41, 50);
		await observatory.reaches(TERRACE, 50);
		const page = await look(parts, `http://127.0.0.1:${observatory.port}/${STATION_VIEW}`);
		const chart = () =>
			observatory.get<Chart>(
				`/api/chart?topic=${encodeURIComponent(TERRACE)}&quantity=temperature&from=${begin}&to=${Date.now()}`,
			);
		const points = () => page.locator(".chart[data-quantity=temperature] table tr").count();
		await shows(page, /30 readings missing|Readings 11 to 40 \(30\)/);
		assert.deepEqual((await chart()).means.filter((mean) => mean === null).length, 1);
		await page.click("text=Values as a table");
		const before = await until("the table", async () => (await points()) || undefined);
		await publish("late", 11, 40);
		await until("the gap to be filled", async () => (await observatory.station(TERRACE))?.missing === 0);
		assert.ok(!(await chart()).means.includes(null));
		await until("the late readings in the table", async () => (await points()) >= before + 29);
		await until("the page to miss none", async () => !/Readings 11 to 40/.test(await textOf(page)));
	},
	{ skip: NO_CHROMIUM },
);
