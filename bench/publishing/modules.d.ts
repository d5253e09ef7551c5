/** What the subjects take of others, as far as they ask. */
declare module "mqtt/dist/mqtt.esm" {
	class MqttClient {
		constructor(streamOf: () => object, options: object);
		publish(topic: string, payload: Uint8Array, options: object, done: () => void): void;
	}
	const mqtt: { MqttClient: typeof MqttClient };
	export default mqtt;
}
declare module "embedded:network/mqtt/client" {
	export default class MQTTClient {
		static readonly PUBACK: number;
		constructor(options: {
			host: string;
			id: string;
			dns: object;
			socket: object;
			onControl(message: { readonly operation: number }): void;
		});
		write(data: Uint8Array, options: { topic: string; QoS: number }): number;
	}
}
