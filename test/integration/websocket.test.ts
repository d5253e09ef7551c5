/** MQTT over WebSockets: the station and the command against mosquitto's, and against servers that open none. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe } from "node:test";
import { Certificates } from "../harness/certificates.ts";
import { assertComplete, stopDelivered } from "../harness/delivery.ts";
import { commandScenario } from "../harness/mqtt-command.ts";
import { type Parts, scenario } from "../harness/scenario.ts";
import { until } from "../harness/wait.ts";
import { WebSocketBridge } from "../harness/websocket-bridge.ts";

/** Answers all requests with a status, and says what was asked for. */
async function page(parts: Parts, status: number, headers: Record<string, string> = {}) {
	const asked: string[] = [];
	const server = createServer((request, response) => {
		asked.push(request.url ?? "");
		response.writeHead(status, headers).end("<html>");
	});
	server.on("upgrade", (request, socket) => {
		asked.push(`${request.url} ${request.headers["sec-websocket-protocol"]}`);
		const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
		socket.end(`HTTP/1.1 ${status} Such\r\n${lines.join("")}\r\n`);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	parts.onEnd(() => server.close());
	return { asked, port: (server.address() as AddressInfo).port };
}

describe("WebSockets", { concurrency: 3 }, () => {
	for (const secure of [false, true]) {
		scenario(
			`Readings and commands pass through a ${secure ? "wss" : "ws"}:// listener of mosquitto, also after it was killed.`,
			async (parts) => {
				const certificates = new Certificates(join(parts.folder, "certificates"));
				const authority = certificates.authority();
				const tls = { identity: certificates.issue(authority) };
				const broker = await parts.mosquitto({ webSockets: true, ...(secure && { tls }), savesChanges: true });
				const subscriber = await parts.subscriber(broker, "veleta/roof/#");
				const url = secure
					? `wss://localhost:${broker.secureWebSocketPort}`
					: `ws://127.0.0.1:${broker.webSocketPort}/any/path?of=it`;
				const settings = {
					broker: url,
					id: "roof",
					interval: 1,
					...(secure && { tls: { ca: authority.certificate } }),
				};
				const station = parts.nameless(undefined, ...parts.config(settings));
				await subscriber.reaches(3);
				await broker.publish("veleta/roof/cmd/interval", "-m", "2", "-q", "1");
				const reply = await subscriber.message("the reply", ({ topic }) => topic.endsWith("/reply"));
				assert.deepEqual(JSON.parse(reply.payload), { command: "interval", ok: true, interval: 2 });
				const before = subscriber.highest();
				await broker.kill();
				await until("two readings that wait", () => station.disconnects.length >= 2);
				await broker.restart();
				await subscriber.reaches(before + 3);
				await station.stop();
				await subscriber.caughtUp();
				const { readings, acknowledged, queued } = station.summary;
				assert.deepEqual({ acknowledged, queued }, { acknowledged: readings, queued: 0 });
				assert.deepEqual(
					[...new Set(subscriber.reports().map(({ seq }) => seq))].sort((a, b) => a - b),
					Array.from({ length: readings }, (_, index) => index + 1),
				);
			},
		);
	}

	scenario("A strict server in many frames, with pings between, and closes of all kinds.", async (parts) => {
		const broker = await parts.mosquitto();
		const bridge = await WebSocketBridge.start(broker.port);
		parts.onEnd(() => bridge.close());
		const subscriber = await parts.subscriber(broker, ["veleta/roof/state", "veleta/roof/late"]);
		const settings = { broker: `ws://127.0.0.1:${bridge.port}`, id: "roof", interval: 1 };
		const station = parts.nameless(undefined, ...parts.config(settings));
		await subscriber.reaches(3);
		for (const [code, words] of [
			[1_000, "the broker has closed the WebSocket"],
			[1_001, "the broker has closed the WebSocket: it goes away"],
			[1_012, "the broker has closed the WebSocket: it restarts"],
			[4_321, "the broker has closed the WebSocket with status 4321"],
			[undefined, "connection closed"],
		] as const) {
			const accepted = bridge.accepted;
			const ended = station.disconnects.length;
			bridge.cut(code);
			await until(words, () => station.disconnects.slice(ended).some(({ reason }) => reason.includes(words)));
			await until("the next connection", () => bridge.accepted > accepted);
			await subscriber.reaches(subscriber.highest() + 2);
		}
		// Long commands are long answers, and many frames.
		for (const length of [0, 125, 126, 127, 900]) {
			await broker.publish("veleta/roof/cmd/nothing", "-m", "x".repeat(length), "-q", "1");
		}
		await until("pings", () => bridge.pings > 0 && bridge.pongs > 0);
		const { readings } = await stopDelivered(parts, station, subscriber);
		assertComplete(subscriber.reports(), readings);
		await until("the end", () => bridge.closes.length === bridge.accepted);
		assert.equal(bridge.closes.at(-1), 1_000);
		assert.deepEqual(bridge.violations, []);
	});

	commandScenario(
		"npm run mqtt publishes and subscribes through WebSockets, with user and password of MQTT.",
		async (parts, programs) => {
			const broker = await parts.mosquitto({ webSockets: true, users: { ana: "s@l" } });
			const url = `ws://ana:s%40l@127.0.0.1:${broker.webSocketPort}/mqtt`;
			const sub = await programs.mqtt(
				"sub",
				"-L",
				url,
				"-t",
				"casa/#",
				"-q",
				"1",
				"-C",
				"3",
				"-d",
				"-c",
				"-i",
				"archive",
			);
			await sub.line(/^subscribed to /);
			const lines = ["one", "two", "three", "four", "five", ""].join("\n");
			const pub = await programs.shell(
				`printf '${lines.replaceAll("\n", "\\n")}' | mqtt pub -L '${url}' -t casa/lines -q 1 -l`,
				parts.folder,
			);
			assert.deepEqual(await pub.ended(), { code: 0, signal: null });
			assert.deepEqual(await sub.ended(), { code: 0, signal: null });
			assert.deepEqual(
				sub.lines.filter((line) => /^(one|two|three|four|five)$/.test(line)),
				["one", "two", "three"],
			);
			// What it did not print, it has not acknowledged.
			const rest = await programs.mqtt("sub", "-L", url, "-t", "casa/#", "-q", "1", "-C", "2", "-c", "-i", "archive");
			assert.deepEqual(await rest.ended(), { code: 0, signal: null });
			assert.deepEqual(rest.lines, ["four", "five"]);
			const wrong = await programs.mqtt("pub", "-L", url.replace("s%40l", "salt"), "-t", "a", "-m", "b");
			assert.deepEqual(await wrong.ended(), { code: 1, signal: null });
			assert.ok(!wrong.lines.join().includes("salt"));
		},
	);

	scenario("Who opens no WebSocket is told of in words.", async (parts) => {
		const broker = await parts.mosquitto();
		const missing = await page(parts, 404);
		const moved = await page(parts, 301, { Location: "https://elsewhere.example/mqtt" });
		const proxy = await page(parts, 502);
		for (const [port, message] of [
			[missing.port, "no WebSocket: HTTP status 404: there is no WebSocket at this path"],
			[moved.port, "no WebSocket: it is redirected to https://elsewhere.example/mqtt: name that address"],
			[proxy.port, "no WebSocket: HTTP status 502: the server, or a proxy before it, fails"],
			// mosquitto takes the request for a packet that is none.
			[broker.port, "no WebSocket was opened"],
		] as const) {
			const station = parts.nameless(undefined, "--broker", `ws://127.0.0.1:${port}`, "--id", "sim");
			await until(message, () => station.disconnects.some(({ reason }) => reason.includes(message)));
			await station.stop();
		}
		assert.deepEqual(missing.asked[0], "/mqtt mqtt");
	});
});
