/** A station that a test gives commands to. */
import { createSimulatedSensor } from "../../hosts/sim/devices/simulated-sensor.ts";
import type { Host } from "../../src/host.ts";
import { parseSettings } from "../../src/settings.ts";
import { Station } from "../../src/station/station.ts";
import { AnsweringBroker } from "./answering-broker.ts";
import { hostOf } from "./host.ts";
import { hex } from "./transcript.ts";
import { World } from "./world.ts";

/** First bytes of a PUBLISH; QoS 1 is the broker's own. */
export const QOS_0 = 0x30;
export const RETAINED = 0x33;
export const DUP = 0x3a;
export const QOS_2 = 0x34;

/** The properties of MQTT 5.0 that say where a reply goes, in hexadecimal. */
export function replyTo(topic: Uint8Array, correlationData?: Uint8Array): string {
	const long = (bytes: Uint8Array) => hex(Uint8Array.from([bytes.length >> 8, bytes.length & 0xff, ...bytes]));
	return `08 ${long(topic)}${correlationData ? ` 09 ${long(correlationData)}` : ""}`;
}

/** A station that has been connected for a second and has given one reading. */
export function startCommanded(raw: Record<string, unknown> = {}, ports: Partial<Host> = {}, knowsSession = false) {
	const world = new World();
	const broker = new AnsweringBroker(world);
	broker.knowsSession = knowsSession;
	const settings = parseSettings({ id: "roof", ...raw });
	const log: string[] = [];
	let restarts = 0;
	const host = hostOf(
		world,
		{
			restart: () => restarts++,
			...createSimulatedSensor({ sensor: settings.sensor, clock: world.clock, seed: 1 }),
			...ports,
		},
		log,
	);
	const station = new Station(host, settings);
	station.start();
	broker.advanceTo(1_000);
	const commands = (name: string, payload = "", options = {}) => {
		broker.received.length = 0;
		broker.publishes(`veleta/roof/cmd/${name}`, payload, options);
	};
	/** What the station replied to a topic since the last command. */
	const replies = (to = "veleta/roof/reply") =>
		broker.received.filter(({ topic }) => topic === to).map(({ payload }) => JSON.parse(payload));
	/** What it warned of since it was asked last. */
	const warnings = () => log.splice(0).filter((line) => !line.startsWith("info"));
	return { world, broker, station, commands, replies, warnings, restarts: () => restarts };
}
