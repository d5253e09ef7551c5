/** docs/node-red-flow.json in a real Node-RED: what its page shows of two stations, in a real browser. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { NO_NODE_RED, NodeRed } from "../harness/node-red.ts";
import { scenario } from "../harness/scenario.ts";
import type { MosquittoSub } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const STATUS = ".nrdb-ui-text-value";
const BUTTON = ".nrdb-ui-button button";
const QUANTITIES = ["temperature", "humidity", "pressure"] as const;

/** The flow, with another broker: all that a person has to change. */
function flowFor(port: number): object[] {
	const flow: { readonly type: string }[] = JSON.parse(readFileSync("docs/node-red-flow.json", "utf8"));
	assert.equal(flow.filter(({ type }) => type === "mqtt-broker").length, 1);
	return flow.map((node) => (node.type === "mqtt-broker" ? { ...node, broker: "127.0.0.1", port } : node));
}

/** The points that a chart has to have of a station: each reading once, in the order of their times. */
function pointsOf(subscriber: MosquittoSub, quantity: (typeof QUANTITIES)[number]): [number, number][] {
	const measured = subscriber.reports().filter((report) => report[quantity] !== undefined);
	const points = new Map(measured.map((report) => [Date.parse(report.time!), report[quantity]!]));
	return [...points].sort(([a], [b]) => a - b);
}

scenario(
	"The flow of docs/ charts two stations, also after an outage, and tells their status.",
	async (parts) => {
		const broker = await parts.mosquitto();
		const terrace = await parts.subscriber(broker, "veleta/terrace/+");
		const cellar = await parts.subscriber(broker, "veleta/cellar/+");
		const nodeRed = await NodeRed.start(parts, flowFor(broker.port), "/dashboard/veleta");
		await until("its subscriptions", () => broker.count(/Sending SUBACK to nodered/) >= 3);
		const shows = (status: string) =>
			until(`the page to show ${status}`, async () => (await nodeRed.text(STATUS)) === status);

		const proxy = await parts.proxy(broker);
		const station = parts.station(proxy, "--id", "terrace", "--interval", "1s");
		const other = parts.station(broker, "--id", "cellar", "--sensor", "dht22", "--interval", "2s");
		await shows("cellar: online, terrace: online");
		await terrace.reaches(3);
		await cellar.reaches(2);

		// Somebody else's messages are no part of the page.
		await broker.publish("veleta/<img src=x>/status", "-m", "online");
		await broker.publish("veleta/other/state", "-m", "no JSON");
		await shows("?img src?x?: online, cellar: online, terrace: online");
		await broker.publish("veleta/<img src=x>/status", "-n");
		await shows("cellar: online, terrace: online");

		await nodeRed.click(BUTTON);
		for (const subscriber of [terrace, cellar]) {
			const { payload } = await subscriber.message("a reply", ({ topic }) => topic.endsWith("/reply"));
			assert.equal(JSON.parse(payload).command, "sample");
			assert.equal(JSON.parse(payload).ok, true);
		}

		proxy.shut();
		await shows("cellar: online, terrace: offline");
		const before = terrace.highest();
		await until("attempts to connect", () => station.disconnects.length >= 4);
		await proxy.open();
		await shows("cellar: online, terrace: online");
		await terrace.reaches(before + 3);
		await until("a late reading", () => terrace.arrivals.some(({ isLate }) => isLate));

		await station.kill();
		await shows("cellar: online, terrace: offline");
		await other.stop();
		await shows("cellar: offline, terrace: offline");
		for (const [name, subscriber] of Object.entries({ terrace, cellar })) {
			await subscriber.caughtUp();
			for (const quantity of QUANTITIES) {
				const points = pointsOf(subscriber, quantity);
				const drawn = async () => (await nodeRed.chart(`veleta-${quantity}`))[name] ?? [];
				await until(`${points.length} points of ${quantity}`, async () => (await drawn()).length >= points.length);
				assert.deepEqual(await drawn(), points, `${name}, ${quantity}`);
			}
		}
		assert.deepEqual(pointsOf(cellar, "pressure"), [], "a DHT measures no pressure");

		assert.equal(nodeRed.complaints.length, 1, nodeRed.complaints.join("\n"));
		assert.match(nodeRed.complaints[0]!, /\[mqtt in:veleta-state\] Failed to parse JSON/);
		assert.ok(nodeRed.hosts.size > 0);
		assert.deepEqual(
			[...nodeRed.hosts].filter((host) => host !== "127.0.0.1" && host !== ""),
			[],
		);
	},
	{ skip: NO_NODE_RED },
);
