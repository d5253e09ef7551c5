/**
 * What the same message costs, with its acknowledgement: by hand, by the codecs and by the clients that there are. Each
 * subject is alone in an engine, in XS's own counts.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { creationOf } from "../hosts/creation.ts";
import { Engine, eventOf } from "../hosts/sim/headless/engine.ts";
import { bundleForXs, mqttPacketClientModule, root } from "../tools/build.js";
import { minified } from "../tools/minify.js";
import { Ask } from "./publishing/subject.ts";

const SDK_CLIENT = "examples/io/tcp/mqttclient/mqttclient.js";
/** In the place of its modules that have to do with time. */
const SDK_TIME = join(root, "bench/publishing/sdk-time.ts");
const WARM_UP = 10;
const MESSAGES = 100;

/** Large enough that no garbage is collected while a message's is counted, and that a browser's bundle fits. */
const ROOMY = {
	...creationOf("esp32"),
	stack: 4_096,
	static: 64 * 1_024 * 1_024,
	heap: { initial: 262_144, incremental: 4_096 },
	chunk: { initial: 8 * 1_024 * 1_024, incremental: 65_536 },
};

/** With what they are, and the most compute that they may take. The limit comes first. */
export const SUBJECTS = [
	["limit", "by hand, nothing checked", undefined],
	["sdk", "the Moddable SDK's client, 3.1.1", undefined],
	["mqtt-packet", "mqtt-packet alone, 5.0", undefined],
	["codec", "the codec, 5.0", 1_100],
	["session", "session and link, 5.0", 6_000],
	["mqttjs", "MQTT.js, 5.0", undefined],
] as const;
export type SubjectName = (typeof SUBJECTS)[number][0];

/** Of one message, on the average. */
export interface PublishingCost {
	readonly compute: number;
	readonly slots: number;
	readonly chunks: number;
}

/** `undefined` where the subject is not there: the SDK's. */
export async function publishingCost(name: SubjectName): Promise<PublishingCost | undefined> {
	const sdkClient = join(process.env.MODDABLE ?? "", SDK_CLIENT);
	if (name === "sdk" && !existsSync(sdkClient)) return undefined;
	const engine = new Engine();
	try {
		await engine.evaluate(await programOf(name, sdkClient));
		await engine.limit(ROOMY);
		await engine.tell(eventOf(Ask.Begin));
		for (let count = 0; count < WARM_UP; count++) await engine.tell(eventOf(Ask.Publish));
		await engine.tell(eventOf(Ask.Nothing));
		const nothing = engine.figures.compute;
		const before = await engine.collect();
		const cost = { compute: 0, slots: 0, chunks: 0 };
		for (let count = 0; count < MESSAGES; count++) {
			await engine.tell(eventOf(Ask.Publish));
			const { compute, asideSlots, asideChunks } = engine.figures;
			cost.compute += (compute - nothing) / MESSAGES;
			cost.slots -= asideSlots / MESSAGES;
			cost.chunks -= asideChunks / MESSAGES;
		}
		const { slots, chunks } = engine.figures;
		cost.slots += (slots - before.slots) / MESSAGES;
		cost.chunks += (chunks - before.chunks) / MESSAGES;
		const [answer] = await engine.tell(eventOf(Ask.Nothing));
		if (answer!.value !== WARM_UP + MESSAGES) throw new Error(`${name}: ${answer!.value} acknowledged messages`);
		return cost;
	} finally {
		engine.close();
	}
}

/** Made smaller as for a board; MQTT.js is small already. */
async function programOf(name: SubjectName, sdkClient: string): Promise<string> {
	const { outputFiles } = await bundleForXs({
		stdin: {
			contents: `
				import { subject } from "./bench/publishing/${name}.ts";
				import { measured } from "./bench/publishing/subject.ts";
				measured(subject);`,
			resolveDir: root,
			loader: "ts",
		},
		alias: {
			"mqtt-packet": mqttPacketClientModule,
			"embedded:network/mqtt/client": sdkClient,
			timer: SDK_TIME,
			time: SDK_TIME,
		},
		minify: name !== "mqttjs",
		write: false,
	});
	const program = outputFiles![0]!.text;
	// Some of its functions have parameters with which XS takes no directive.
	return name === "mqttjs" ? program.replaceAll('"use strict";', "") : (await minified(program))!;
}
