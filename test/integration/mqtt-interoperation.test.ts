/** `npm run mqtt` and other people's programs, at one broker. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { commandScenario, exitCode, output, PEERS } from "../harness/mqtt-command.ts";
import { until } from "../harness/wait.ts";

const LEVELS = [0, 1, 2] as const;
const payloadAt = (qos: number) => `at QoS ${qos}: 21.5 °C`;

describe("npm run mqtt and other programs", { concurrency: 3 }, () => {
	for (const peer of PEERS) {
		for (const version of peer.versions) {
			commandScenario(`pub reaches ${peer.name} in MQTT ${version} at every QoS.`, async (parts, programs) => {
				const broker = await parts.mosquitto();
				const program = programs.own(peer.subscriber(broker, version, "t/#"));
				await until(`the subscription of ${peer.name}`, () => broker.count(/Sending SUBACK/) > 0);
				for (const qos of LEVELS) {
					const args = ["-V", version, "-t", `t/${qos}`, "-q", `${qos}`, "-m", payloadAt(qos)];
					assert.equal(await exitCode(await programs.pub(broker, ...args)), 0);
					await program.line(new RegExp(`^${payloadAt(qos)}$`));
				}
				for (const qos of LEVELS) assert.equal(program.lines.filter((line) => line === payloadAt(qos)).length, 1);
			});

			commandScenario(`sub hears ${peer.name} in MQTT ${version} at every QoS.`, async (parts, programs) => {
				const broker = await parts.mosquitto();
				const flags = ["-V", version, "-t", "t/#", "-q", "2", "-C", "3", "-F", "%t %q %p"];
				const program = await programs.subscribed(broker, ...flags);
				for (const qos of LEVELS) {
					const publisher = programs.own(peer.publisher(broker, version, `t/${qos}`, qos, payloadAt(qos)));
					assert.equal(await exitCode(publisher), 0, publisher.lines.join("\n"));
				}
				assert.equal(await exitCode(program), 0);
				assert.deepEqual(
					output(program),
					LEVELS.map((qos) => `t/${qos} ${qos} ${payloadAt(qos)}`),
				);
			});
		}
	}
});
