/**
 * MQTT.js as a command that takes the version: its own speaks 3.1.1 only.
 *
 *     node mqttjs-client.js pub PORT VERSION TOPIC QOS PAYLOAD
 *     node mqttjs-client.js sub PORT VERSION TOPIC
 */
import { connect } from "mqtt";

const VERSIONS = {
	5: { protocolVersion: 5 },
	311: { protocolVersion: 4 },
	31: { protocolVersion: 3, protocolId: "MQIsdp" },
};

const [action, port, version, topic, qos, payload] = process.argv.slice(2);
const client = connect(`mqtt://127.0.0.1:${port}`, {
	...VERSIONS[version],
	clientId: `mqttjs-${process.pid}`,
	reconnectPeriod: 0,
});
client.on("error", (error) => {
	console.error(error.message);
	process.exit(1);
});
client.on("connect", () => {
	if (action === "pub") {
		client.publish(topic, payload, { qos: Number(qos) }, (error) => {
			if (error) throw error;
			client.end();
		});
	} else {
		client.subscribe(topic, { qos: 2 }, (error) => {
			if (error) throw error;
		});
	}
});
client.on("message", (_topic, message) => console.log(message.toString()));
