/** The observatory's page in a real Chromium, by a real server; the observatory behind it is in memory. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { STATUSES } from "../../commands/observatory/api.ts";
import { type RunningPage, startPage } from "../../commands/observatory/page/server.ts";
import { NO_CHROMIUM, newPage, startBrowser, type WatchedPage } from "../harness/browser.ts";
import { PageSource, QUANTITIES } from "../harness/page-source.ts";
import { freePort } from "../harness/ports.ts";
import { until } from "../harness/wait.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STATION = "#/station/veleta%2Fterrace";
/** HTML that would tell that it was taken for some. */
const STRANGE = '<img src=x onerror="window.taken=1"><b>&amp;"\'';
const axe = readFileSync(createRequire(join(process.cwd(), "package.json")).resolve("axe-core/axe.min.js"), "utf8");

let browser: Promise<Browser> | undefined;
after(async () => (await browser)?.close());

interface World {
	readonly source: PageSource;
	readonly server: RunningPage;
	/** Opens the page at a hash, in English unless the options say otherwise. */
	open(hash?: string, options?: BrowserContextOptions): Promise<Page>;
}

/** A world of its own; at its end no page has asked anybody else, or complained. */
function world(
	name: string,
	run: (world: World) => Promise<void>,
	server: { port?: number; password?: string } = {},
): void {
	test(name, { skip: NO_CHROMIUM }, async () => {
		browser ??= startBrowser();
		const chromium = await browser;
		const source = new PageSource();
		const page = await startPage({ source, host: "127.0.0.1", port: 0, ...server });
		const watched: WatchedPage[] = [];
		const open = async (hash = "#/", options: BrowserContextOptions = {}) => {
			const one = await newPage(chromium, { locale: "en-GB", timezoneId: "Europe/Madrid", ...options });
			watched.push(one);
			await one.page.goto(page.url + hash);
			return one.page;
		};
		try {
			await run({ source, server: page, open });
			for (const { hosts, complaints } of watched) {
				assert.deepEqual(complaints, []);
				assert.deepEqual(
					[...hosts].filter((host) => host !== "" && host !== "127.0.0.1"),
					[],
				);
			}
		} finally {
			for (const one of watched) await one.page.context().close();
			await page.close();
		}
	});
}

/** A day of a station on the terrace, without one hour of it; and one in the cellar. Returns the time of the last reading. */
function furnish(source: PageSource): number {
	// What comes next is no future yet.
	const now = Math.floor(Date.now() / MINUTE) * MINUTE - 5 * MINUTE;
	const values = (time: number) => ({
		temperature: 15 + 5 * Math.sin((2 * Math.PI * time) / DAY),
		humidity: 50,
		pressure: 1_013.25,
	});
	source.add("veleta/terrace", {
		...{ since: now - DAY, missing: 60 },
		diagnostics: {
			time: now,
			members: { uptime: 93_784, interval: 60, queued: 0, rssi: -61, heap: 48_212, extra: [1] },
		},
	});
	source.fill("veleta/terrace", now - DAY, now - 3 * HOUR, values);
	source.fill("veleta/terrace", now - 2 * HOUR, now, values);
	source.setLosses("veleta/terrace", [
		{ first: 1_262, last: 1_320, isGone: false, after: now - 3 * HOUR, before: now - 2 * HOUR, run: 1 },
	]);
	source.add("veleta/cellar", { status: "asleep", since: now - HOUR, quantities: QUANTITIES.slice(0, 2) });
	source.fill("veleta/cellar", now - DAY, now, () => ({ temperature: 8, humidity: 80 }));
	source.add("Casa/Cocina", {
		...{ status: "unknown", takesCommands: false },
		quantities: [{ name: "Temperatura", unit: null, decimals: null }],
	});
	source.fill("Casa/Cocina", now - HOUR, now, () => ({ Temperatura: 21.5 }));
	return now;
}

const shows = (page: Page, selector: string, pattern: RegExp) =>
	until(`${selector} to show ${pattern}`, async () => pattern.test(await textOf(page, selector)));

/** What a person reads there, in one line; nothing before it is there. */
async function textOf(page: Page, selector: string): Promise<string> {
	const text = await page.evaluate(
		`[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.innerText).join(" | ")`,
	);
	return String(text).replace(/\s+/g, " ").trim();
}

const chart = (quantity: string) => `.chart[data-quantity="${quantity}"]`;
const card = (topic: string) => `.station[data-topic="${topic}"]`;

/** Waits until the charts that are there have been drawn. */
async function drawn(page: Page, count: number): Promise<void> {
	await until(`${count} charts`, () =>
		page.evaluate(
			`document.querySelectorAll(".chart canvas").length === ${count} && !document.querySelector(".chart .note:not(:empty)")`,
		),
	);
}

/** Between the ends of a curve, the stretches without it, in percent of the canvas's width. */
function breaks(page: Page, quantity: string): Promise<number[]> {
	return page.evaluate(`(() => {
		const canvas = document.querySelector(${JSON.stringify(chart(quantity))} + " canvas");
		const { width, height } = canvas;
		const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
		copy.drawImage(canvas, 0, 0);
		const { data } = copy.getImageData(0, 0, width, height);
		const hex = getComputedStyle(document.documentElement).getPropertyValue("--c0").trim();
		const wanted = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
		const columns = [];
		for (let x = 0; x < width; x++) {
			for (let y = 0; y < height; y++) {
				const at = 4 * (y * width + x);
				if (data[at + 3] < 200 || wanted.some((part, index) => Math.abs(part - data[at + index]) > 60)) continue;
				columns.push(x);
				break;
			}
		}
		const gaps = columns.map((x, index) => (index === 0 ? 0 : x - columns[index - 1] - 1));
		return gaps.map((gap) => Math.round(100 * gap / width)).filter((part) => part >= 1);
	})()`);
}

/** What axe-core finds fault with, each in a line. */
async function violations(page: Page): Promise<string[]> {
	await page.evaluate(axe);
	return page.evaluate(`axe.run(document).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
		nodes.map(({ html, any, all }) => id + ": " + html + " " + [...any, ...all].map(({ message }) => message).join("; "))))`);
}

const sideways = (page: Page): Promise<number> =>
	page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");

world(
	"The overview has a card for each station, with its last values, its state and its gaps.",
	async ({ source, open }) => {
		furnish(source);
		const page = await open();
		await shows(page, "h1", /^3 stations$/);
		await shows(page, `${card("veleta/terrace")} .status`, /^Online since /);
		await shows(
			page,
			`${card("veleta/terrace")} .values`,
			/^Temperature \d+\.\d\d °C Humidity 50\.0 % Pressure 1,013\.25 hPa$/,
		);
		await shows(page, `${card("veleta/terrace")} .gaps`, /^60 readings missing$/);
		await shows(page, `${card("veleta/cellar")} .status`, /^Asleep since /);
		await shows(page, `${card("Casa/Cocina")} .values`, /^Temperatura 21\.5$/);
		await until("three small curves", () =>
			page.evaluate(`document.querySelectorAll(".spark:not([hidden]) path").length === 3`),
		);
		const label = await page.getAttribute(`${card("veleta/cellar")} .spark`, "aria-label");
		assert.equal(label, "Temperature of 24 hours: from 8.00\u00A0°C to 8.00\u00A0°C");
		assert.equal(await page.title(), "Overview · Veleta");
		source.change("veleta/terrace", { status: "offline", since: Date.now(), missing: 1, lost: 59 });
		await shows(page, `${card("veleta/terrace")} .status`, /^Offline since /);
		await shows(page, `${card("veleta/terrace")} .gaps`, /^1 reading missing · 59 lost$/);
		source.add("veleta/attic");
		await shows(page, "h1", /^4 stations$/);
		await shows(page, `${card("veleta/attic")} .time`, /^No reading yet$/);
	},
);

/** So many stations in five towns, with an hour each; each tenth is offline, each hundredth lacks readings. */
function furnishMany(source: PageSource, count: number): number {
	const now = Math.floor(Date.now() / MINUTE) * MINUTE - 5 * MINUTE;
	const towns = ["Ávila", "Cuenca", "Madrid", "Soria", "Toledo"];
	for (let number = 0; number < count; number++) {
		const topic = `veleta/${towns[number % 5]}-${number}`;
		source.add(
			topic,
			{ status: number % 10 === 0 ? "offline" : "online", since: now, missing: number % 100 === 7 ? 5 : 0 },
			HOUR,
		);
		source.fill(topic, now - HOUR, now, () => ({ temperature: number % 40, humidity: 50, pressure: 1_000 }));
	}
	return now;
}

world("Of thousands of stations one finds those one looks for; few are there at a time.", async ({ source, open }) => {
	const now = furnishMany(source, 3_000);
	const page = await open();
	await shows(page, "h1", /^3,000 stations$/);
	await shows(page, ".filters", /^All 3,000 Online 2,700 Offline 300 With missing readings 30$/);
	const cards = page.locator(".station");
	assert.equal(await cards.count(), 48);
	await shows(page, ".pager", /^1 to 48 of 3,000 Next$/);
	// Only what is seen has a curve.
	await until("curves", () => page.evaluate(`document.querySelectorAll(".spark:not([hidden])").length >= 3`));
	assert.ok(source.charts < 40, `${source.charts} charts`);
	await page.locator(".station").last().scrollIntoViewIfNeeded();
	await until("the last one's curve", () =>
		page.evaluate(`!document.querySelector(".station:last-child .spark").hasAttribute("hidden")`),
	);
	await page.click('.pager a:text-is("Next")');
	await shows(page, ".pager", /^Previous 49 to 96 of 3,000 Next$/);
	const isAtHeading = () => page.evaluate(`document.activeElement.tagName === "H1" && scrollY === 0`);
	await until("the focus at the heading", isAtHeading);
	await page.click('.pager a:text-is("Previous")');
	await shows(page, ".pager", /^1 to 48 of 3,000 Next$/);
	await until("the focus at the heading again", isAtHeading);
	await page.fill("input[type=search]", "avila 295");
	await shows(page, card("veleta/Ávila-295"), /Temperature 15\.00/);
	// 295, 1295, 2295, 2950 and 2955.
	await shows(page, ".filters", /^All 5 Online 4 Offline 1$/);
	await page.click('.filters button:has-text("Offline")');
	await until("one card", async () => (await cards.count()) === 1);
	assert.equal(decodeURIComponent(new URL(page.url()).hash), "#/overview/offline/1/avila 295");
	source.change("veleta/Ávila-295", { status: "offline" });
	await until("it to join", async () => (await cards.count()) === 2);
	source.publish("veleta/Ávila-295", now + MINUTE, { temperature: -5, humidity: 50, pressure: 1_000 });
	await shows(page, card("veleta/Ávila-295"), /Temperature -5\.00/);
	await page.click(card("veleta/Ávila-295"));
	await drawn(page, 3);
	await page.goBack();
	await until("the way back", async () => (await cards.count()) === 2);
	assert.equal(await page.inputValue("input[type=search]"), "avila 295");
	await page.fill("input[type=search]", "nowhere");
	await shows(page, ".overview", /No station is like this\.$/);
	await page.click('nav a:text-is("Overview")');
	await page.click('.filters button:has-text("With missing readings")');
	await until("those with missing readings", async () => (await cards.count()) === 30);
	await shows(page, ".gaps", /^5 readings missing( \| 5 readings missing){29}$/);
});

world(
	"A station that is connected, but has no new values, says so live, and is found by it.",
	async ({ source, open }) => {
		furnishMany(source, 30);
		source.add("aemet/3195", { since: Date.now() - DAY, takesCommands: false }, HOUR);
		source.fill("aemet/3195", Date.now() - 4 * HOUR, Date.now() - 4 * HOUR, () => ({ temperature: 7 }));
		const page = await open();
		const spanish = await open("#/", { locale: "es-ES" });
		const single = await open("#/station/aemet%2F3195");
		await shows(page, `${card("aemet/3195")} .status`, /^Online since /);
		await shows(single, ".status", /^Online since /);
		await shows(page, ".filters", /^All 31 Online 28 Offline 3 With/);
		source.change("aemet/3195", { status: "stale", since: Date.now() });
		await shows(page, `${card("aemet/3195")} .status`, /^Stale since /);
		await shows(page, `${card("aemet/3195")} .values`, /^Temperature 7\.00 °C$/);
		await shows(single, ".status", /^Stale since /);
		await shows(spanish, `${card("aemet/3195")} .status`, /^Desactualizada desde las? /);
		await shows(spanish, ".filters", /^Todas 31 En línea 27 Desactualizada 1 Desconectada 3 Incompletas/);
		await shows(page, ".filters", /^All 31 Online 27 Stale 1 Offline 3 With/);
		await page.click('.filters button:has-text("Stale")');
		await until("one card", async () => (await page.locator(".station").count()) === 1);
		assert.equal(new URL(page.url()).hash, "#/overview/stale/1");
		const bookmark = await open("#/overview/stale/1");
		await shows(bookmark, "h2", /^aemet\/3195$/);
		source.change("aemet/3195", { status: "online", since: Date.now() });
		for (const one of [page, bookmark]) await until("none", async () => (await one.locator(".station").count()) === 0);
	},
);

for (const colorScheme of ["light", "dark"] as const) {
	world(
		`In ${colorScheme} colours each status has a mark that can be told from its card and from the others.`,
		async ({ source, open }) => {
			for (const status of [...STATUSES, "unknown"] as const) source.add(`veleta/${status}`, { status });
			const page = await open("#/", { colorScheme });
			await shows(page, "h1", /^5 stations$/);
			const marks: { status: string; color: string; contrast: number }[] = await page.evaluate(`(() => {
				const light = (color) => {
					const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
					const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
					return 0.2126 * r + 0.7152 * g + 0.0722 * b;
				};
				return [...document.querySelectorAll(".card .status")].map((mark) => {
					const style = getComputedStyle(mark.querySelector(".dot"));
					const isRing = style.borderTopStyle === "solid";
					const color = isRing ? style.borderTopColor : style.backgroundColor;
					const back = getComputedStyle(mark.closest(".card")).backgroundColor;
					const [low, high] = [light(color), light(back)].sort((a, b) => a - b);
					return {
						status: mark.dataset.status,
						color,
						contrast: (high + 0.05) / (low + 0.05),
					};
				});
			})()`);
			assert.deepEqual(marks.map(({ status }) => status).sort(), [...STATUSES, "unknown"].sort());
			assert.equal(new Set(marks.map(({ color }) => color)).size, marks.length);
			for (const { status, contrast } of marks) assert.ok(contrast >= 3, `${status}: ${contrast}`);
			assert.deepEqual(await violations(page), []);
		},
	);
}

world("Stations to compare are found among thousands.", async ({ source, open }) => {
	furnishMany(source, 2_000);
	const page = await open("#/compare/day/temperature/veleta%2FMadrid-1002");
	await shows(page, ".legend tbody", /^Madrid-1002 – 2\.00 °C/);
	await shows(page, ".boxes + .note", /^1,976 more are found by their names\.$/);
	assert.equal(await page.locator(".boxes input").count(), 25);
	await page.fill("input[type=search]", "soria 1003");
	await until("the one, and the chosen one", async () => (await textOf(page, ".boxes")) === "Madrid-1002 Soria-1003");
	await page.click('.boxes label:has-text("Soria-1003")');
	await shows(page, ".legend tbody", /^Madrid-1002 .* Soria-1003 – 3\.00 °C/);
	await page.fill("input[type=search]", "");
	await until("all are offered", async () => (await page.locator(".boxes input").count()) === 26);
	assert.equal(await page.locator(".boxes input:checked").count(), 2);
	assert.deepEqual(await violations(page), []);
});

world("With few stations there is nothing to find them with.", async ({ source, open }) => {
	furnish(source);
	const page = await open();
	await shows(page, "h1", /^3 stations$/);
	const visible = (pageShown: Page) =>
		pageShown.locator(".finder:visible, .pager:visible, input[type=search]:visible").count();
	assert.equal(await visible(page), 0);
	const compare = await open("#/compare");
	await drawn(compare, 1);
	assert.equal(await visible(compare), 0);
});

world("Without a station the page helps a newcomer, and shows the first one by itself.", async ({ source, open }) => {
	const page = await open();
	await shows(page, "h1", /^No station yet$/);
	await shows(page, "pre", /^npm start -- -h 127\.0\.0\.1$/);
	assert.deepEqual(await violations(page), []);
	source.add("veleta/first");
	await shows(page, "h1", /^1 station$/);
});

world("A reading appears in its card and in its chart as it comes.", async ({ source, open }) => {
	const now = furnish(source);
	const overview = await open();
	const station = await open(`${STATION}/hour`);
	const day = await open(`${STATION}/day`);
	const compare = await open("#/compare/hour/humidity/veleta%2Fterrace");
	await shows(overview, card("veleta/terrace"), /Humidity 50\.0/);
	await drawn(station, 3);
	await drawn(day, 3);
	await drawn(compare, 1);
	source.publish("veleta/terrace", now + MINUTE, { temperature: 12, humidity: 51.5, pressure: 1_014 });
	await shows(overview, card("veleta/terrace"), /Temperature 12\.00 °C Humidity 51\.5/);
	await shows(station, ".now .values", /Temperature 12\.00 °C Humidity 51\.5 % Pressure 1,014\.00/);
	await shows(station, ".now .time", /number 1383$/);
	await shows(station, `${chart("humidity")} .summary`, /^Newest 51\.5 % .* Lowest 50\.0 % · Highest 51\.5 %$/);
	await shows(day, `${chart("humidity")} .summary`, /^Newest 51\.5 % .* Highest 51\.5 % · 1 gap$/);
	await shows(compare, ".legend tbody", /^terrace – 51\.5 % 50\.0 % 51\.5 %$/);
	source.publish("veleta/cellar", now + MINUTE, { temperature: 1, humidity: 2 });
	await shows(overview, card("veleta/cellar"), /Temperature 1\.00/);
	assert.match(await textOf(station, ".now .values"), /12\.00/);
});

world("A gap breaks the line, and late readings fill it.", async ({ source, open }) => {
	const now = furnish(source);
	const page = await open(STATION);
	await drawn(page, 3);
	await shows(page, `${chart("temperature")} .summary`, / · 1 gap$/);
	await shows(page, ".losses", /^Readings 1262 to 1320 \(59\) may still come between .* and /);
	const [gap, ...others] = await breaks(page, "temperature");
	assert.deepEqual(others, []);
	assert.ok(gap! >= 2 && gap! <= 6, `an hour of a day: ${gap} %`);
	for (let time = now - 3 * HOUR + MINUTE; time < now - 2 * HOUR; time += MINUTE)
		source.publish("veleta/terrace", time, { temperature: 15, humidity: 50, pressure: 1_013 }, true);
	source.setLosses("veleta/terrace", []);
	source.change("veleta/terrace", { missing: 0 });
	await until("the gap to be filled", async () => !/gap/.test(await textOf(page, `${chart("temperature")} .summary`)));
	assert.deepEqual(await breaks(page, "temperature"), []);
	await shows(page, ".losses", /^Nothing is missing\.$/);
	await shows(page, ".now .values", /Humidity 50\.0/);
});

world("Buttons choose the time that is shown; the browser's way back leads there again.", async ({ source, open }) => {
	const now = furnish(source);
	source.fill("veleta/cellar", now - 300 * DAY, now - 300 * DAY, () => ({ temperature: -11, humidity: 30 }));
	const page = await open("#/station/veleta%2Fcellar");
	await drawn(page, 2);
	const pressed = '.ranges [aria-pressed="true"]';
	await shows(page, pressed, /^Day$/);
	for (const [name, hash, lowest] of [
		["1 hour", "hour", "8.00"],
		["Week", "week", "8.00"],
		["Month", "month", "8.00"],
		["Year", "year", "-11.00"],
		["Day", "day", "8.00"],
	] as const) {
		await page.click(`.ranges button:text-is("${name}")`);
		await shows(page, pressed, new RegExp(`^${name}$`));
		assert.equal(new URL(page.url()).hash, `#/station/veleta%2Fcellar/${hash}`);
		await shows(page, `${chart("temperature")} .summary`, new RegExp(`Lowest ${lowest.replace(".", "\\.")} °C`));
	}
	await page.goBack();
	await shows(page, pressed, /^Year$/);
	await shows(page, `${chart("temperature")} .summary`, /Lowest -11\.00/);
	// A bookmark.
	const again = await open("#/station/veleta%2Fcellar/year");
	await shows(again, `${chart("temperature")} .summary`, /Lowest -11\.00/);
	await shows(again, ".time-charts > .note", /^A point stands for .*: the mean, in a band/);
});

world("Links, the address and the way back lead from view to view.", async ({ source, open }) => {
	furnish(source);
	const page = await open();
	await page.click(card("veleta/terrace"));
	await shows(page, "h1", /^veleta\/ ?terrace$/);
	assert.equal(await page.title(), "terrace · Veleta");
	await page.click('nav a:text-is("Compare")');
	await shows(page, "h1", /^Compare$/);
	await shows(page, "nav [aria-current]", /^Compare$/);
	await page.goBack();
	await shows(page, "h1", /terrace$/);
	await page.goBack();
	await shows(page, "h1", /^3 stations$/);
	await page.goForward();
	await shows(page, "h1", /terrace$/);
	await page.evaluate("location.hash = '#/nowhere/at/all'");
	await shows(page, "h1", /^There is no such page$/);
	await page.evaluate("location.hash = '#/station/veleta%2Fmoon'");
	await shows(page, ".page", /There is no such station/);
	source.add("veleta/moon", { quantities: [] });
	await shows(page, ".page", /No reading yet/);
	await page.evaluate("location.hash = '#/station/%'");
	await shows(page, ".page", /There is no such station/);
	await page.click('a:text-is("To the overview")');
	await shows(page, "h1", /^4 stations$/);
});

world("Dragging zooms in, double click, Escape and a button lead back.", async ({ source, open }) => {
	furnish(source);
	const page = await open(STATION);
	await drawn(page, 3);
	const back = page.locator(".back");
	const zoom = async () => {
		const box = (await page.locator(`${chart("temperature")} .u-over`).boundingBox())!;
		await page.mouse.move(box.x + 0.3 * box.width, box.y + 50);
		await page.mouse.down();
		await page.mouse.move(box.x + 0.5 * box.width, box.y + 60, { steps: 5 });
		await page.mouse.up();
		await until("the zoom", () => back.isVisible());
		await shows(page, ".shown", / – /);
	};
	const leftAlone = () => until("the way back", () => back.isHidden());
	await page.locator(chart("temperature")).scrollIntoViewIfNeeded();
	await zoom();
	// The hour without readings is not in it.
	await until("a chart without a gap", async () => !/gap/.test(await textOf(page, `${chart("temperature")} .summary`)));
	assert.equal(await textOf(page, ".ranges [aria-pressed=true]"), "");
	await page.keyboard.press("Escape");
	await leftAlone();
	await shows(page, `${chart("temperature")} .summary`, /1 gap$/);
	await zoom();
	await page.dblclick(`${chart("humidity")} .u-over`);
	await leftAlone();
	await zoom();
	await back.click();
	await leftAlone();
	for (const name of ["Earlier", "Later", "Zoom in", "Zoom out"]) {
		await page.click(`.steps [aria-label="${name}"]`);
		await until("another time", () => back.isVisible());
		await page.click(".ranges button:text-is('Day')");
		await leftAlone();
	}
	// In the past nothing is shown of what comes now.
	await page.click('.steps [aria-label="Earlier"]');
	await page.click('.steps [aria-label="Earlier"]');
	await page.click('.steps [aria-label="Earlier"]');
	await shows(page, `${chart("humidity")} .summary`, /^No values in this time$/);
});

world("Commands reach the station, and its reply is shown.", async ({ source, open }) => {
	furnish(source);
	const page = await open(STATION);
	source.reply = () => ({ ok: true, command: "sample", seq: 1_500 });
	await page.click("[data-command=sample]");
	await shows(page, ".reply", /^Reading 1500 has been taken\.$/);
	assert.equal(await page.inputValue(".commands input"), "60");
	await page.fill(".commands input", "90");
	source.reply = () => ({ ok: true, interval: 90 });
	await page.click("[data-command=interval]");
	await shows(page, ".reply", /^A reading every 1 min 30 secs?, until/);
	source.reply = () => ({ ok: false, error: "a dht22 needs from 2 to 86400 seconds" });
	await page.fill(".commands input", "1");
	await page.click("[data-command=interval]");
	await shows(page, ".reply", /^Not done: a dht22 needs from 2 to 86400 seconds$/);
	// What is no number of seconds does not even leave.
	await page.fill(".commands input", "0.5");
	await page.click("[data-command=interval]");
	await page.click("[data-command=restart]");
	await shows(page, "dialog[open] h2", /^Restart terrace\?$/);
	assert.deepEqual(await violations(page), []);
	await page.click("[data-command=cancel]");
	assert.equal(source.commanded.length, 3);
	source.reply = () => ({ ok: true });
	await page.click("[data-command=restart]");
	await page.click("[data-command=restart-now]");
	await shows(page, ".reply", /^The station restarts\.$/);
	source.reply = () => ({ ok: false });
	await page.click("[data-command=sample]");
	await shows(page, ".reply", /^Not done: the station has not replied$/);
	assert.deepEqual(
		source.commanded.map(({ topic, command, payload }) => `${topic} ${command} ${payload}`.trim()),
		[
			"veleta/terrace sample",
			"veleta/terrace interval 90",
			"veleta/terrace interval 1",
			"veleta/terrace restart",
			"veleta/terrace sample",
		],
	);
	source.change("veleta/terrace", { takesCommands: false });
	await until("no commands", async () => (await page.locator(".commands").count()) === 0);
	const foreign = await open("#/station/Casa%2FCocina");
	await drawn(foreign, 1);
	assert.equal(await foreign.locator(".commands").count(), 0);
});

world("What a station tells of itself is a table with names and units for people.", async ({ source, open }) => {
	const now = furnish(source);
	const page = await open(STATION);
	await shows(
		page,
		".facts",
		/^Member Value Running for 1 day 2 hrs A reading every 1 min Wi-Fi signal -61 dBm Free memory 48 kB Waiting at the station 0 extra \[1\]$/,
	);
	source.change("veleta/terrace", {
		diagnostics: { time: now, members: { queued: 12_345, refusal: "quota exceeded" } },
	});
	await shows(
		page,
		".facts",
		/^Member Value Waiting at the station 12,345 Why the broker refuses readings quota exceeded$/,
	);
});

world("Several stations are compared in one chart.", async ({ source, open }) => {
	furnish(source);
	const page = await open("#/compare");
	await shows(page, ".legend tbody", /^cellar – 8\.00 °C 8\.00 °C 8\.00 °C terrace – .* °C$/);
	await page.hover(".chart .u-over", { position: { x: 300, y: 100 } });
	await shows(page, ".legend tbody", /^cellar 8\.00 °C 8\.00 °C 8\.00 °C 8\.00 °C terrace \d+\.\d\d °C/);
	await page.click('.boxes label:has-text("terrace")');
	await shows(page, ".legend tbody", /^cellar .*8\.00 °C$/);
	assert.equal(new URL(page.url()).hash, "#/compare/day/temperature/veleta%2Fcellar");
	await page.click('.boxes label:has-text("cellar")');
	await shows(page, ".charts", /^Choose a station/);
	await page.click('.boxes label:has-text("terrace")');
	await page.selectOption("select", "pressure");
	await shows(page, ".legend tbody", /^terrace .*1,013\.25 hPa/);
	assert.equal(await textOf(page, ".boxes"), "terrace");
	await page.click(".ranges button:text-is('Week')");
	assert.equal(new URL(page.url()).hash, "#/compare/week/pressure/veleta%2Fterrace");
	// Steps of their own are the quantity and the time, not each box.
	await page.goBack();
	await page.goBack();
	await page.goBack();
	assert.equal(page.url(), "about:blank");
});

world("Two choices in one moment are both taken.", async ({ source, open }) => {
	furnish(source);
	const page = await open("#/compare/day/temperature/veleta%2Fcellar");
	await shows(page, ".legend tbody", /^cellar /);
	await page.evaluate(`(() => {
		document.querySelector(".boxes label:last-child input").click();
		const select = document.querySelector("select");
		select.value = "humidity";
		select.dispatchEvent(new Event("change", { bubbles: true }));
	})()`);
	await shows(page, ".legend tbody", /^cellar .* terrace .* %$/);
	assert.equal(new URL(page.url()).hash, "#/compare/day/humidity/veleta%2Fcellar/veleta%2Fterrace");
});

world("In a chart of several stations a gap of one is as wide as it is.", async ({ source, open }) => {
	const now = Date.now();
	const values = () => ({ temperature: 20 });
	source.add("veleta/a");
	source.fill("veleta/a", now - DAY, now - 12 * HOUR, values);
	source.fill("veleta/a", now - 6 * HOUR, now, values);
	source.add("veleta/b");
	// At other times, so that each point of the chart is one station's.
	source.fill("veleta/b", now - DAY + 17_000, now, () => ({ temperature: 10 }));
	const page = await open("#/compare/day/temperature/veleta%2Fa/veleta%2Fb");
	await drawn(page, 1);
	await until("a gap of a quarter of the day", async () => {
		const found = await breaks(page, "temperature");
		return found.length === 1 && found[0]! >= 20 && found[0]! <= 26;
	});
});

world("A chart is a table, too.", async ({ source, open }) => {
	furnish(source);
	const page = await open(`${STATION}/hour`);
	await drawn(page, 3);
	const details = `${chart("humidity")} details`;
	await page.click(`${details} summary`);
	await shows(page, `${details} table`, /^Time Humidity \S.* 50\.0 %/);
	const rows = await page.locator(`${details} tbody tr`).count();
	assert.ok(rows >= 50 && rows <= 61, `${rows} rows`);
	assert.deepEqual(await violations(page), []);
	await page.click(".ranges button:text-is('Day')");
	await shows(page, `${details} thead`, /^Time Mean Lowest Highest$/);
	await shows(page, `${details} .note`, /^The newest 200 rows\./);
	const label = await page.getAttribute(`${chart("humidity")} .plot`, "aria-label");
	assert.match(
		label!,
		/^Humidity: Newest\s50\.0\s%\s\(\d\d:\d\d:00\) · Lowest\s50\.0\s% · Highest\s50\.0\s% · 1\sgap$/,
	);
});

world("In Spanish everything is Spanish: texts, numbers and dates.", async ({ source, open }) => {
	furnish(source);
	const page = await open("#/", { locale: "es-ES" });
	await shows(page, "h1", /^3 estaciones$/);
	await shows(page, `${card("veleta/terrace")} .status`, /^En línea desde /);
	await shows(
		page,
		`${card("veleta/terrace")} .values`,
		/^Temperatura \d+,\d\d °C Humedad 50,0 % Presión 1013,25 hPa$/,
	);
	await shows(page, `${card("veleta/terrace")} .gaps`, /^Faltan 60 lecturas$/);
	assert.equal(await page.getAttribute("html", "lang"), "es");
	await page.goto(page.url() + STATION.slice("#/".length));
	await drawn(page, 3);
	await shows(
		page,
		`${chart("humidity")} .summary`,
		/^Último valor 50,0 % .* Mínimo 50,0 % · Máximo 50,0 % · 1 hueco$/,
	);
	await shows(page, ".losses", /^Lecturas 1262 a 1320 \(59\) aún pueden llegar entre /);
	await shows(page, ".facts", /^Dato Valor En marcha desde hace 1 d(ía)? 2 h/);
	source.reply = () => ({ ok: true, seq: 7 });
	await page.click("[data-command=sample]");
	await shows(page, ".reply", /^Lectura 7 tomada\.$/);
	const english = /\b(the|station|reading|readings|value|Overview|Compare|Online|Day|Week|Newest|Nothing)\b/;
	assert.doesNotMatch(await textOf(page, "body"), english);
	// Another language has its own numbers in English sentences.
	const german = await open("#/", { locale: "de-DE" });
	await shows(
		german,
		`${card("veleta/terrace")} .values`,
		/^Temperature \d+,\d\d °C Humidity 50,0 % Pressure 1\.013,25 hPa$/,
	);
});

for (const colorScheme of ["light", "dark"] as const) {
	world(
		`In ${colorScheme} colours axe-core finds nothing, and nothing has to be scrolled sideways at 360 pixels.`,
		async ({ source, open }) => {
			furnish(source);
			source.add(`veleta/${"a-very-long-name-without-any-space".repeat(4)}`, { missing: 1, lost: 1 });
			for (const [width, locale] of [
				[1_200, "en-GB"],
				[360, "es-ES"],
			] as const) {
				const options = { colorScheme, locale, viewport: { width, height: 740 } };
				for (const [hash, charts] of [
					["#/", 0],
					[STATION, 3],
					["#/compare", 1],
					["#/nowhere", 0],
				] as const) {
					const page = await open(hash, options);
					await drawn(page, charts);
					await until("the connection", () => page.evaluate(`document.querySelector("#live").dataset.live === "true"`));
					assert.deepEqual(await violations(page), [], `${hash} at ${width}`);
					assert.ok((await sideways(page)) <= 0, `${hash} at ${width} is wider by ${await sideways(page)}`);
					const [back] = String(await page.evaluate("getComputedStyle(document.body).backgroundColor")).match(/\d+/g)!;
					assert.ok(colorScheme === "dark" ? Number(back) < 60 : Number(back) > 200, back);
					await page.context().close();
				}
			}
		},
	);
}

for (const colorScheme of ["light", "dark"] as const) {
	world(
		`With many stations, in ${colorScheme} colours, axe-core finds nothing, and nothing is wider than a phone.`,
		async ({ source, open }) => {
			furnishMany(source, 200);
			for (const [index, status] of [...STATUSES, "unknown" as const].entries())
				source.add(`aemet/${index}`, { status, since: Date.now(), takesCommands: false });
			source.add(`veleta/${"a-very-long-name-without-any-space".repeat(4)}`, { missing: 1, lost: 1 });
			for (const width of [1_200, 360]) {
				const options = { colorScheme, locale: "es-ES", viewport: { width, height: 740 } };
				for (const hash of ["#/overview/incomplete/1", "#/overview/all/2", "#/overview/all/1/nowhere", "#/compare"]) {
					const page = await open(hash, options);
					await until("the connection", () => page.evaluate(`document.querySelector("#live").dataset.live === "true"`));
					await until("what is shown", () =>
						page.evaluate(`document.querySelector(".filters, .boxes label") !== null`),
					);
					assert.deepEqual(await violations(page), [], `${hash} at ${width}`);
					assert.ok((await sideways(page)) <= 0, `${hash} at ${width} is wider by ${await sideways(page)}`);
					await page.context().close();
				}
			}
		},
	);
}

world("When it becomes dark, the charts do, too.", async ({ source, open }) => {
	furnish(source);
	const page = await open(STATION, { colorScheme: "light" });
	await drawn(page, 3);
	assert.equal((await breaks(page, "temperature")).length, 1);
	await page.emulateMedia({ colorScheme: "dark" });
	// The curve is found by its colour, which is another one now.
	await until("a dark chart", async () => (await breaks(page, "temperature")).length === 1);
});

world("Who asks for less motion gets none.", async ({ source, open }) => {
	furnish(source);
	for (const [reducedMotion, moves] of [
		["reduce", false],
		["no-preference", true],
	] as const) {
		const page = await open(STATION, { reducedMotion });
		await drawn(page, 3);
		const durations = await page.evaluate(
			`[...document.querySelectorAll("*")].map((one) => getComputedStyle(one)).some(({ transitionDuration, animationName }) => transitionDuration !== "0s" || animationName !== "none")`,
		);
		assert.equal(durations, moves);
	}
});

world("Everything can be done by keyboard, and the focus is always seen.", async ({ source, open }) => {
	furnish(source);
	const page = await open();
	await shows(page, "h1", /^3 stations$/);
	const focused = (): Promise<string> =>
		page.evaluate(
			`(document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent).replace(/\\s+/g, " ").trim()`,
		);
	const seen = () =>
		page.evaluate(
			`["", "::after"].some((part) => getComputedStyle(document.activeElement, part).outlineStyle === "solid")`,
		);
	/** Goes on with the tabulator until something has the focus; it has to be seen at each stop. */
	const tabTo = async (wanted: string) => {
		const stops: string[] = [];
		for (let count = 0; count < 60; count++) {
			await page.keyboard.press("Tab");
			// Behind the last one is the browser itself.
			if (await page.evaluate("document.activeElement === document.body")) continue;
			stops.push(await focused());
			assert.ok(await seen(), `the focus cannot be seen at ${stops.at(-1)}`);
			if (stops.at(-1) === wanted) return;
		}
		assert.fail(`${wanted} is not among ${stops.join(", ")}`);
	};
	await tabTo("Skip to the content");
	await page.keyboard.press("Enter");
	await until("the focus at the content", () => page.evaluate(`document.activeElement.id === "main"`));
	assert.equal(new URL(page.url()).hash, "#/");
	await tabTo("veleta/terrace");
	await page.keyboard.press("Enter");
	await until("the station", async () => /terrace$/.test(await textOf(page, "h1")));
	await until("the focus at its heading", () => page.evaluate(`document.activeElement.tagName === "H1"`));
	await drawn(page, 3);
	await tabTo("Week");
	await page.keyboard.press("Space");
	await shows(page, '.ranges [aria-pressed="true"]', /^Week$/);
	assert.equal(await focused(), "Week");
	await tabTo("Zoom in");
	await page.keyboard.press("Enter");
	await shows(page, ".shown", / – /);
	await tabTo("Back to now");
	await page.keyboard.press("Enter");
	await shows(page, ".shown", /^$/);
	assert.equal(await focused(), "Week", "a button that goes gives the focus on");
	await tabTo("Zoom in");
	await page.keyboard.press("Enter");
	await shows(page, ".shown", / – /);
	await page.keyboard.press("Escape");
	await shows(page, ".shown", /^$/);
	await tabTo("Values as a table: Temperature");
	await page.keyboard.press("Enter");
	await shows(page, `${chart("temperature")} details tbody`, /°C/);
	await tabTo("Take a reading now");
	source.reply = () => ({ ok: true, seq: 9 });
	await page.keyboard.press("Enter");
	await shows(page, ".reply", /^Reading 9 has been taken\.$/);
	assert.equal(await focused(), "Take a reading now");
	await page.keyboard.press("Tab");
	await page.keyboard.press("Control+A");
	await page.keyboard.type("30");
	source.reply = () => ({ ok: true, interval: 30 });
	await page.keyboard.press("Enter");
	await shows(page, ".reply", /^A reading every 30 secs?/);
	await tabTo("Restart…");
	await page.keyboard.press("Enter");
	await until("the question", () => page.evaluate(`document.activeElement.closest("dialog") !== null`));
	await page.keyboard.press("Escape");
	await until("its end", () => page.evaluate(`document.querySelector("dialog").open === false`));
	assert.equal(await focused(), "Restart…");
	assert.deepEqual(
		source.commanded.map(({ command, payload }) => command + payload),
		["sample", "interval30"],
	);
});

world("A stranger's texts are texts, wherever they are.", async ({ source, open }) => {
	const now = Date.now();
	const topic = `veleta/${STRANGE}/\u2028 %2F #x?y&z`;
	source.add(topic, {
		...{ since: now, quantities: [{ name: STRANGE, unit: STRANGE, decimals: 1 }] },
		diagnostics: {
			time: now,
			members: { [STRANGE]: { [STRANGE]: STRANGE }, board: STRANGE, uptime: STRANGE, __proto__: 1 },
		},
	});
	source.fill(topic, now - HOUR, now, () => ({ [STRANGE]: 5 }));
	source.add("/", { quantities: [] });
	source.add("__proto__", { quantities: [{ name: "constructor", unit: null, decimals: 99 }] });
	source.fill("__proto__", now - HOUR, now, () => ({ constructor: 1 }));
	const numbers = { huge: 1e308, tiny: 1e-300, small: 1e-9, large: 123_456_789_012 };
	const quantities = Object.keys(numbers).map((name) => ({ name, unit: null, decimals: null }));
	source.add("veleta/numbers", { quantities });
	source.fill("veleta/numbers", now - HOUR, now, (time) => (time === now ? numbers : { ...numbers, huge: -1e308 }));
	source.reply = () => ({ ok: false, error: STRANGE });
	const pages: Page[] = [];
	const page = await open();
	pages.push(page);
	await shows(page, "h1", /^4 stations$/);
	assert.ok((await textOf(page, ".cards")).includes(STRANGE));
	await page.click(`.station:has-text("%2F") h2 a`);
	await drawn(page, 1);
	assert.ok((await textOf(page, "h1")).includes("%2F #x?y&z"));
	assert.ok((await textOf(page, ".facts")).includes(STRANGE));
	assert.ok((await textOf(page, ".chart h3")).includes(STRANGE));
	await page.click("details summary");
	await page.click("[data-command=sample]");
	await until("the reply", async () => (await textOf(page, ".reply")) === `Not done: ${STRANGE}`);
	await page.click("[data-command=restart]");
	assert.deepEqual(await violations(page), []);
	const compare = await open("#/compare");
	pages.push(compare);
	await drawn(compare, 1);
	assert.ok((await textOf(compare, "option")).includes(STRANGE));
	const odd = await open("#/station/__proto__");
	pages.push(odd);
	await drawn(odd, 1);
	const large = await open("#/station/veleta%2Fnumbers");
	pages.push(large);
	await drawn(large, 4);
	await shows(large, `${chart("huge")} .summary`, /^No values in this time$/);
	await shows(large, `${chart("large")} .summary`, /^Newest 123,457,000,000/);
	for (const one of pages) {
		assert.equal(await one.evaluate("window.taken"), undefined);
		assert.equal(await one.locator("img, main b").count(), 0);
	}
});

world("A station with hundreds of quantities and members does not drown the page.", async ({ source, open }) => {
	const names = Array.from({ length: 300 }, (_, index) => `q${index}`);
	const now = Date.now();
	source.add("veleta/many", {
		quantities: names.map((name) => ({ name, unit: null, decimals: null })),
		diagnostics: { time: now, members: Object.fromEntries(names.map((name) => [name, "x".repeat(5_000)])) },
	});
	source.fill("veleta/many", now, now, () => Object.fromEntries(names.map((name, index) => [name, index / 3])));
	const page = await open();
	await shows(page, `${card("veleta/many")} .values`, /^q0 0 q1 0\.333333 q2 0\.666667 q3 1$/);
	await page.click(card("veleta/many"));
	await drawn(page, 24);
	assert.equal(await page.locator(".facts tbody tr").count(), 64);
});

world(
	"A lost connection is shown; when it is back, nothing of the time between is missing.",
	async ({ source, server, open }) => {
		const now = furnish(source);
		const page = await open(`${STATION}/hour`);
		await drawn(page, 3);
		await shows(page, "#live", /^Live$/);
		// The page's own complaints about this are no fault of its.
		const again = await freePort();
		const moved = await startPage({ source, host: "127.0.0.1", port: again });
		const other = await newPage(await browser!, { locale: "en-GB" });
		try {
			await other.page.goto(`${moved.url}${STATION}/hour`);
			await drawn(other.page, 3);
			await moved.close();
			await shows(other.page, "#live", /^No connection to the observatory\. Trying again…$/);
			assert.deepEqual(await violations(other.page), []);
			await other.page.click("[data-command=sample]");
			await shows(other.page, ".reply", /^Not done: the observatory cannot be reached$/);
			source.publish("veleta/terrace", now + MINUTE, { temperature: 3, humidity: 99, pressure: 1_000 });
			const back = await startPage({ source, host: "127.0.0.1", port: again });
			try {
				await shows(other.page, "#live", /^Live$/);
				await shows(other.page, ".now .values", /Temperature 3\.00 °C Humidity 99\.0 % Pressure 1,000\.00/);
				await shows(other.page, `${chart("pressure")} .summary`, /Lowest 1,000\.00 hPa/);
				source.publish("veleta/terrace", now + 2 * MINUTE, { temperature: 4, humidity: 98, pressure: 1_001 });
				await shows(other.page, ".now .values", /Temperature 4\.00/);
			} finally {
				await back.close();
			}
		} finally {
			await other.page.context().close();
			await moved.close();
		}
		assert.equal(await textOf(page, "#live"), "Live");
		assert.ok(server.url);
	},
);

world(
	"A page that nobody sees lets its connection go, and is up to date when it is seen again.",
	async ({ source, open }) => {
		const now = furnish(source);
		const page = await open();
		await shows(page, "#live", /^Live$/);
		await page.clock.install();
		const ended: string[] = [];
		page.on("requestfailed", (request) => ended.push(new URL(request.url()).pathname));
		page.on("requestfinished", (request) => ended.push(new URL(request.url()).pathname));
		const set = (state: string) =>
			page.evaluate(
				`Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
			document.dispatchEvent(new Event("visibilitychange"));`,
			);
		await set("hidden");
		await page.clock.fastForward(10_000);
		await until("the end of the stream", () => ended.includes("/api/events"));
		source.publish("veleta/terrace", now + MINUTE, { temperature: 2.5, humidity: 50, pressure: 1_000 });
		source.add("veleta/new");
		await set("visible");
		await shows(page, card("veleta/terrace"), /Temperature 2\.50/);
		await shows(page, "h1", /^4 stations$/);
		source.publish("veleta/terrace", now + 2 * MINUTE, { temperature: 3.5, humidity: 50, pressure: 1_000 });
		await shows(page, card("veleta/terrace"), /Temperature 3\.50/);
	},
);

world("A chart that cannot be loaded says so, and is there when it can.", async ({ source, open }) => {
	const now = furnish(source);
	const chartOf = source.chart.bind(source);
	source.chart = async (topic, quantity, from, to, points) => {
		if (quantity === "humidity") return { ...(await chartOf(topic, quantity, from, to, points)), times: null as never };
		return chartOf(topic, quantity, from, to, points);
	};
	const page = await open(STATION);
	await shows(page, `${chart("humidity")} .note`, /^The chart cannot be loaded$/);
	await shows(page, `${chart("pressure")} .summary`, /^Newest/);
	source.chart = chartOf;
	source.publish("veleta/terrace", now + MINUTE, { temperature: 1, humidity: 52, pressure: 1_000 }, true);
	await shows(page, `${chart("humidity")} .summary`, /Highest 52\.0 %/);
	await shows(page, `${chart("humidity")} .note`, /^$/);
});

world(
	"With a password the browser asks for it once, and everything works.",
	async ({ source, open }) => {
		const now = furnish(source);
		const httpCredentials = { username: "anybody", password: "tramontana" };
		const page = await open(STATION, { httpCredentials });
		await drawn(page, 3);
		await shows(page, "#live", /^Live$/);
		source.publish("veleta/terrace", now + MINUTE, { temperature: 2, humidity: 50, pressure: 1_000 });
		await shows(page, ".now .values", /Temperature 2\.00/);
		source.reply = () => ({ ok: true, seq: 1 });
		await page.click("[data-command=sample]");
		await shows(page, ".reply", /^Reading 1 has been taken\.$/);
	},
	{ password: "tramontana" },
);
