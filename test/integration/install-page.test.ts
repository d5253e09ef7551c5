/** The page of a release in a real Chromium, and behind its serial port the board's own C at a pseudo-terminal. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { ReleaseFolder } from "../../commands/board/release/release-folder.ts";
import { closePort, openPort } from "../../commands/board/serial-port.ts";
import { answer } from "../../hosts/esp32/console/provisioning.ts";
import { NO_CHROMIUM, newPage, startBrowser, type WatchedPage } from "../harness/browser.ts";
import { giveSerial, type PagePort } from "../harness/browser-serial.ts";
import { bundleProgram } from "../harness/bundle.ts";
import { Program } from "../harness/program.ts";
import { buildBoard, SerialBoard, Store } from "../harness/serial-board.ts";
import { until } from "../harness/wait.ts";

const axe = readFileSync(createRequire(join(process.cwd(), "package.json")).resolve("axe-core/axe.min.js"), "utf8");
const HOME = { ssid: "home", password: "very secret" };

let folder: string;
let boardProgram: string;
let server: Program;
let url: string;
let browser: Promise<Browser> | undefined;

before(async () => {
	folder = mkdtempSync(join(tmpdir(), "veleta-install-"));
	boardProgram = buildBoard();
	const release = new ReleaseFolder(join(folder, "release"));
	for (const board of ["esp32", "esp32c3"]) {
		release.add(board, [{ name: "xs_esp32.bin", offset: 0x10000, bytes: Buffer.from(board) }]);
	}
	await release.write();
	const command = await bundleProgram("commands/board/release/release.ts");
	const args = [command, "--folder", join(folder, "release"), "--serve", "--http-port", "0"];
	server = new Program("release", process.execPath, args, folder);
	url = await server.line(/^http:/);
});
after(async () => {
	await (await browser)?.close();
	server.signal("SIGINT");
	assert.deepEqual(await server.ended(), { code: 0, signal: null });
	rmSync(folder, { recursive: true });
});

interface World {
	readonly board: SerialBoard;
	readonly store: Store;
	readonly page: Page;
	readonly port: PagePort;
	/** What the page says of the board. */
	says(text: string | RegExp): Promise<void>;
}

interface Given {
	readonly stored?: object;
	readonly builtIn?: object;
	readonly options?: BrowserContextOptions;
	/** Of the board to a request; by default its own. */
	readonly reply?: (request: string) => string | undefined;
	/** What the page may complain of. */
	readonly complaints?: RegExp;
}

/** A page with a board at its port; at its end it has asked nobody else, and no secret is in it. */
function story(name: string, run: (world: World) => Promise<void>, given: Given = {}): void {
	const { stored, builtIn = {}, options = {}, complaints = /^$/ } = given;
	test(name, { skip: NO_CHROMIUM }, async () => {
		browser ??= startBrowser();
		const store = new Store();
		if (stored) store.text = JSON.stringify(stored);
		const reply = given.reply ?? ((request: string) => answer(request, "esp32c3", builtIn, store));
		const board = await SerialBoard.start(boardProgram, reply);
		const port = await openPort(board.path);
		const watched: WatchedPage = await newPage(await browser, { locale: "en-GB", ...options });
		const { page } = watched;
		try {
			const pagePort = await giveSerial(page, port);
			await page.goto(url);
			const says = async (text: string | RegExp) => {
				const status = page.getByRole("status");
				await until(`${text}, and not ${await status.textContent()}`, async () => {
					const told = (await status.textContent()) ?? "";
					return typeof text === "string" ? told === text : text.test(told);
				});
			};
			await run({ board, store, page, port: pagePort, says });
			assert.ok(!(await page.content()).includes(HOME.password), "the board's secret is in the page");
			assert.deepEqual(
				watched.complaints.filter((complaint) => !complaints.test(complaint)),
				[],
			);
			assert.deepEqual(
				[...watched.hosts].filter((host) => !["", "localhost", "127.0.0.1"].includes(host)),
				[],
			);
		} finally {
			await page.context().close();
			await closePort(port);
			await board.end();
		}
	});
}

const connect = (page: Page) => page.getByRole("button", { name: "Connect to the board" }).click();
const send = (page: Page) => page.getByRole("button", { name: "Send to the board" }).click();

story("a new board gets Wi-Fi and broker, and its log is shown", async ({ board, store, page, says }) => {
	await connect(page);
	await says("Connected: esp32c3, without settings of its own yet.");
	await page.getByLabel("Network").fill("Café ☕");
	await page.getByLabel("Its password").fill("s3cret-s3cret");
	await page.getByLabel("Broker").fill("mqtt://192.168.1.10");
	await page.getByLabel("User", { exact: true }).fill("station");
	await page.getByLabel("Password", { exact: true }).fill("~hunter22~");
	await page.getByLabel("Sensor").selectOption("dht22");
	await page.getByLabel("Topic").fill("Casa/Cocina");
	await page.getByLabel("Home Assistant").check();
	await send(page);
	await says("The board has stored the settings, and restarts.");
	assert.deepEqual(JSON.parse(store.text!), {
		broker: "mqtt://192.168.1.10",
		username: "station",
		password: "~hunter22~",
		sensor: "dht22",
		topic: "Casa/Cocina",
		homeAssistant: true,
		wifi: [{ ssid: "Café ☕", password: "s3cret-s3cret" }],
	});
	assert.equal(board.requests.at(-1), "!");
	board.log("Wi-Fi: joined Café ☕, address 192.168.1.20");
	board.log("<img src=x onerror=alert(1)>");
	const log = page.getByRole("log");
	await until("the log", async () => (await log.textContent())?.includes("<img"));
	assert.equal(await log.textContent(), "Wi-Fi: joined Café ☕, address 192.168.1.20\n<img src=x onerror=alert(1)>");
});

const BEFORE = {
	broker: "mqtt://broker.lan",
	username: "station",
	password: "very secret",
	interval: 30,
	altitude: 667,
	wifi: [{ ...HOME, dns: "1.1.1.1" }, { ssid: "shed" }],
};

story(
	"a board that has settings shows them without secrets, and what is not changed stays",
	async ({ store, page, says }) => {
		await connect(page);
		await says("Connected: esp32c3, with settings of its own.");
		assert.equal(await page.getByLabel("Network").inputValue(), "home");
		assert.equal(await page.getByLabel("Its password").getAttribute("placeholder"), "unchanged");
		assert.equal(await page.getByLabel("Password", { exact: true }).getAttribute("placeholder"), "unchanged");
		await page.getByLabel("Seconds between readings").fill("60");
		await send(page);
		await says(/^The board has stored/);
		const { interval: _, ...rest } = BEFORE;
		assert.deepEqual(JSON.parse(store.text!), { ...rest, interval: 60 });

		// Another network, and another broker, get no secret of the one before.
		await connect(page);
		await says("Connected: esp32c3, with settings of its own.");
		await page.getByLabel("Network").fill("garden");
		assert.equal(await page.getByLabel("Its password").getAttribute("placeholder"), "none: an open network");
		await page.getByLabel("Broker").fill("mqtt://other.lan");
		assert.equal(await page.getByLabel("Password", { exact: true }).getAttribute("placeholder"), "none");
		await send(page);
		await says(/^The board has stored/);
		assert.deepEqual(JSON.parse(store.text!), {
			altitude: 667,
			broker: "mqtt://other.lan",
			username: "station",
			interval: 60,
			wifi: [{ ssid: "garden" }, { ssid: "shed" }],
		});
	},
	{ stored: BEFORE },
);

story(
	"what a board would not take is told before it is sent, or by the board",
	async ({ board, store, page, says }) => {
		await connect(page);
		await says(/^Connected/);
		await page.getByLabel("Network").fill("home");
		await page.getByLabel("Its password").fill("short");
		await page.getByLabel("Broker").fill("mqtt://192.168.1.300");
		await send(page);
		await says(/^wifi\[0\]\.password: needs 8 to 63 [^\n]*\nbroker: the host must be a name, or an IPv4 [^\n]*$/);
		await page.getByLabel("Its password").fill("long enough");
		await page.getByLabel("Broker").fill("mqtts://broker.lan");
		await send(page);
		await says(/^tls\.ca: a board needs it/);
		await page.getByLabel("Broker").fill("mqtt://broker.lan");
		const others = page.getByLabel("All other settings");
		await page.getByText("All other settings").first().click();
		for (const [text, why] of [
			["{", /^All other settings: /],
			["[1]", "All other settings: must be an object"],
			['{"pins": {"data": 47}}', /^pins\.data: GPIO 47 of an ESP32-C3 cannot be used/],
			[
				'{"wifi": [{"ssid": "a", "password": "(set)"}]}',
				"The board did not take it: password: (set) stands for nothing here",
			],
		] as const) {
			await others.fill(text);
			await send(page);
			await says(text.includes("(set)") ? "the board did not take it: password: (set) stands for nothing here" : why);
			assert.equal(store.text, undefined);
		}
		assert.ok(!board.requests.includes("!"));
		await others.fill('{"altitude": 667}');
		await send(page);
		await says(/^The board has stored/);
		assert.equal(JSON.parse(store.text!).altitude, 667);
	},
);

story(
	"a board that is silent is restarted once, and then its silence is told",
	async ({ page, port, says }) => {
		await connect(page);
		await says(/^The board does not answer/);
		const [idle, reset] = [
			{ dataTerminalReady: false, requestToSend: false },
			{ dataTerminalReady: false, requestToSend: true },
		];
		assert.deepEqual(port.signals, [idle, reset, idle]);
		await port.unplug();
		await says(/^The port is gone/);
		assert.ok(await page.getByRole("button", { name: "Connect to the board" }).isEnabled());
	},
	{ reply: () => undefined },
);

story(
	"the installer knows the firmware, and joins the Wi-Fi by Improv",
	async ({ board, store, page, port, says }) => {
		// It takes the port from the page.
		await connect(page);
		await says(/^Connected/);
		await page.getByLabel("Board", { exact: true }).selectOption("esp32c3");
		assert.equal(await page.locator("esp-web-install-button").getAttribute("manifest"), "esp32c3/manifest.json");
		board.hear([{ ssid: "shed", rssi: -60, secured: true }]);
		await page.getByRole("button", { name: "Install…" }).click();
		const dialog = page.locator("ewt-install-dialog");
		// An update keeps what the board has; anything else would be asked.
		await dialog.getByText("Update Veleta").waitFor();
		await dialog.getByText(/Veleta\s*1\.2\.3\s*\(ESP32-C3\)/).waitFor();
		assert.equal(port.openings(), 2);
		await dialog.getByText("Connect to Wi-Fi").click();
		// The dialog draws its fields anew while networks come in, and may forget what was typed too early.
		const password = dialog.locator("ew-filled-text-field[name=password]");
		await until("the password", async () => {
			await dialog.getByLabel("Password").fill("another secret");
			return (await password.evaluate((field: { value?: string }) => field.value)) === "another secret";
		});
		await dialog.getByText("Connect", { exact: true }).click();
		await until("the restart", () => board.restarts.length > 0);
		board.join("shed");
		await dialog.getByText("Continue").waitFor();
		const message = dialog.locator("ewt-page-message");
		const said = await message.evaluate(
			(element: { shadowRoot?: { textContent?: string } }) => element.shadowRoot?.textContent,
		);
		assert.match(said ?? "", /Device connected to the network!/);
		assert.deepEqual(JSON.parse(store.text!), { wifi: [{ ssid: "shed", password: "another secret" }] });
	},
	{ complaints: /Lit is in dev mode/ },
);

test("without a serial port, or without a release, the page says so", { skip: NO_CHROMIUM }, async () => {
	browser ??= startBrowser();
	const { page } = await newPage(await browser, { locale: "en-GB" });
	await page.addInitScript("Object.defineProperty(Navigator.prototype, 'serial', { value: undefined })");
	await page.goto(url);
	await page.getByText("This browser cannot use serial ports.").waitFor();
	await page.route("**/release.json", (route) => route.fulfill({ status: 404, body: "" }));
	await page.reload();
	await page.getByText("release.json cannot be read").waitFor();
	await page.context().close();
});

for (const [locale, title] of [
	["en-GB", "Install Veleta"],
	["es-ES", "Instalar Veleta"],
] as const) {
	for (const colorScheme of ["light", "dark"] as const) {
		story(
			`for everybody: ${locale}, ${colorScheme}, 360 px`,
			async ({ page }) => {
				assert.equal(await page.title(), title);
				await page.getByRole("button", { name: /^(Connect to|Conectar con)/ }).click();
				await page.locator("form").waitFor();
				for (const summary of await page.locator("summary").all()) await summary.click();
				await page.evaluate(axe);
				const found = await page.evaluate(
					"axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))",
				);
				assert.deepEqual(found, []);
				const wide = await page.evaluate("document.documentElement.scrollWidth");
				assert.equal(wide, 360);
			},
			{ options: { locale, colorScheme, viewport: { width: 360, height: 800 } }, stored: BEFORE },
		);
	}
}
