/**
 * Improv Serial at a pseudo-terminal: the board's C, and the client that browsers
 * have (`improv-wifi-serial-sdk`), on the same port as the requests of
 * `npm run provision`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ImprovSerial } from "improv-wifi-serial-sdk/dist/serial.js";
import { closePort, openPort, requestsAt } from "../../../../commands/board/serial-port.ts";
import type { Requests } from "../../../../commands/board/serial-request.ts";
import { answer } from "../../../../hosts/esp32/console/provisioning.ts";
import { buildBoard, type Disturbance, SerialBoard, Store } from "../../../harness/serial-board.ts";
import { until } from "../../../harness/wait.ts";
import { WebSerialPort } from "../../../harness/web-serial.ts";

/** The standard's numbers. */
const STATE = { ready: 2, provisioning: 3, provisioned: 4 };

/** Time for a client to hear from the board, in ms: the default is a second, and this computer may be busy. The client waits to its end. */
const PATIENCE_MS = 10_000;

const boardProgram = buildBoard();

const BUILT_IN = {
	id: "terrace",
	broker: "mqtts://user:p%40ss@broker.example",
	wifi: { ssid: "home", password: "very secret" },
};
const SECRETS = ["p%40ss", "very secret", "another secret", "short"];

interface Both {
	readonly board: SerialBoard;
	readonly store: Store;
	readonly client: ImprovSerial;
	readonly requests: Requests;
}

/** The public client and ours on one port of one board. */
async function withBoth(go: (both: Both) => Promise<void>, disturbance: Disturbance = {}): Promise<void> {
	const store = new Store();
	const program = (request: string) => answer(request, "esp32c3", BUILT_IN, store);
	const board = await SerialBoard.start(boardProgram, program, disturbance);
	const port = await openPort(board.path);
	try {
		const web = new WebSerialPort(port);
		const quiet = { log: () => {}, error: () => {}, debug: () => {} };
		const client = new ImprovSerial(web as never, quiet);
		await go({ board, store, client, requests: requestsAt(port) });
		await client.close();
		const told = Buffer.concat(web.received).toString("latin1");
		for (const secret of SECRETS) assert.ok(!told.includes(secret), `${secret} is told`);
	} finally {
		await closePort(port);
		await board.end();
	}
}

test("the browser's client finds a board, sees its networks, and gives it one", () =>
	withBoth(async ({ board, store, client }) => {
		assert.deepEqual(await client.initialize(PATIENCE_MS), {
			firmware: "Veleta",
			version: "1.2.3",
			chipFamily: "ESP32-C3",
			name: "terrace",
			osName: null,
			osVersion: null,
		});
		assert.equal(client.state, STATE.ready);

		assert.deepEqual(await client.scan(), []);
		board.hear([
			{ ssid: "☕ café", rssi: -5, secured: true },
			{ ssid: "x", rssi: -9, secured: false },
			{ ssid: "shed", rssi: -60, secured: true },
			{ ssid: "", rssi: -70, secured: true },
			{ ssid: "shed", rssi: -80, secured: true },
		]);
		assert.deepEqual(await client.scan(), [
			{ name: "☕ café", rssi: -10, secured: true },
			{ name: "shed", rssi: -60, secured: true },
			{ name: "x", rssi: -10, secured: false },
		]);

		const provisioned = client.provision("shed", "another secret");
		await until("the restart", () => board.restarts.length > 0);
		assert.deepEqual(JSON.parse(store.text!), {
			...BUILT_IN,
			wifi: [{ ssid: "shed", password: "another secret" }, BUILT_IN.wifi],
		});
		await until("the state", () => client.state === STATE.provisioning);
		board.log("Wi-Fi: joined shed, address 192.168.1.20");
		board.join("shed");
		await provisioned;
		assert.equal(client.state, STATE.provisioned);
		assert.equal(client.nextUrl, undefined);
		await client.requestCurrentState();
		assert.equal(client.state, STATE.provisioned);
	}));

test("a network that is not joined is an error, also where the board is back in another one", () =>
	withBoth(async ({ board, store, client }) => {
		await client.initialize(PATIENCE_MS);
		const provisioned = client.provision("shed", "another secret");
		await until("the restart", () => board.restarts.length > 0);
		board.join("home");
		await assert.rejects(provisioned, (reason) => reason === "UNABLE_TO_CONNECT");
		await until("the state", () => client.state === STATE.provisioned);
		// The next one takes the place of the first.
		const again = client.provision("shed", "changed secret");
		await until("the restart", () => board.restarts.length > 1);
		board.join("shed");
		await again;
		assert.deepEqual(JSON.parse(store.text!).wifi, [{ ssid: "shed", password: "changed secret" }, BUILT_IN.wifi]);
	}));

test("what the settings' check refuses is an error, and nothing is stored", () =>
	withBoth(async ({ board, store, client }) => {
		await client.initialize(PATIENCE_MS);
		await assert.rejects(client.provision("shed", "short"), (reason) => reason === "UNABLE_TO_CONNECT");
		await until("the state", () => client.state === STATE.ready);
		assert.equal(store.text, undefined);
		store.text = "nonsense";
		await assert.rejects(client.provision("shed", "another secret"), (reason) => reason === "UNKNOWN_ERROR");
		assert.equal(store.text, "nonsense");
		await client.requestInfo();
		assert.equal(client.info?.name, "a1b2c3", "the board's own");
		assert.deepEqual(board.restarts, []);
	}));

test("a scan that fails is an error, and the next one is none", () =>
	withBoth(async ({ board, client }) => {
		await client.initialize(PATIENCE_MS);
		board.scan("fails");
		await assert.rejects(client.scan(), (reason) => reason === "UNKNOWN_ERROR");
		board.scan("cannot begin");
		const found = client.scan();
		board.scan("goes on");
		board.scan("ends");
		assert.deepEqual(await found, []);
	}));

test("settings go on by the other protocol while a client asks, with noise before what both are told", () =>
	withBoth(
		async ({ board, store, client, requests }) => {
			const settings = JSON.stringify({ id: "roof", broker: "mqtt://broker.example" });
			const sending = (async () => {
				for (let at = 0; at < settings.length; at += 8) {
					const piece = settings.slice(at, at + 8);
					const reply = await requests.ask(`+${at} ${piece}`, { within: PATIENCE_MS });
					assert.equal(reply, `ok ${at + piece.length}`);
				}
				assert.equal(await requests.ask(`=${settings.length}`, { within: PATIENCE_MS }), "ok");
			})();
			await client.initialize(PATIENCE_MS);
			for (let count = 0; count < 10; count++) await client.requestCurrentState();
			await sending;
			assert.deepEqual(JSON.parse(store.text!), { id: "roof", broker: "mqtt://broker.example" });
			await client.requestInfo();
			assert.equal(client.info?.name, "roof");
			const provisioned = client.provision("shed", "another secret");
			await until("the restart", () => board.restarts.length > 0);
			board.join("shed");
			await provisioned;
			assert.deepEqual(JSON.parse(store.text!), {
				id: "roof",
				broker: "mqtt://broker.example",
				wifi: [{ ssid: "shed", password: "another secret" }],
			});
		},
		{ noise: 3 },
	));
