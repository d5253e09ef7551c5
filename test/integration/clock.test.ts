/** The simulator on a computer with a wrong clock. */
import { equal } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { FlashFile } from "../../hosts/sim/headless/flash-file.ts";
import { Runner } from "../../hosts/sim/headless/runner.ts";
import { Mosquitto } from "../harness/mosquitto.ts";
import { MosquittoSub } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-clock-"));
after(() => rmSync(folder, { recursive: true }));

for (const [clock, time] of [
	["was never set", undefined],
	["is right", "2026-11-30T12:"],
] as const) {
	test(`on a computer whose clock ${clock} a reading ${time ? "has its time" : "has no time, as on a board"}`, async (context) => {
		const broker = await Mosquitto.start(join(folder, clock));
		const subscriber = await MosquittoSub.start(broker, folder, { filters: ["veleta/#"] });
		context.mock.method(Date, "now", () => (time ? Date.parse(`${time}00:00Z`) : 60_000));
		const flash = new FlashFile(undefined);
		const runner = new Runner({
			firmware: join(process.cwd(), "build/firmware.js"),
			settings: { id: "sim", interval: 1, broker: `mqtt://127.0.0.1:${broker.port}` },
			flash,
			seed: 1,
			speed: 1,
			onLog: () => {},
		});
		try {
			await runner.start();
			const reading = await until("a reading", () =>
				subscriber.messages.find(({ topic }) => topic === "veleta/sim/state"),
			);
			equal(JSON.parse(reading.payload).time?.slice(0, 14), time);
		} finally {
			runner.close();
			flash.close();
			await subscriber.kill();
			await broker.kill();
		}
	});
}
