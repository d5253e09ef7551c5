/**
 * One address for several brokers, as a load balancer or a DNS name gives it: a client gets the first one that accepts.
 * What a station publishes, and which of it is acknowledged, is written down on the way.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { PacketReader } from "../../hosts/sim/world/broker/packets.ts";
import { freePort } from "./ports.ts";
import { isReadingTopic } from "./topics.ts";

/** The version of which readings are written down. */
const MQTT_3_1_1 = 4;

/** A reading that has passed, on one connection: it may pass again on the next. */
export interface Passage {
	readonly seq: number;
	/** The broker that it went to. */
	readonly port: number;
	acknowledged: boolean;
}

export class LoadBalancer {
	readonly port: number;
	/** Of all connections, in the order in which they went by. */
	readonly passages: Passage[] = [];
	private readonly _brokers: readonly number[];
	private readonly _server: Server;
	private readonly _sockets = new Set<Socket>();
	private readonly _clients = new Set<Socket>();
	private readonly _isMqtt: boolean;

	private constructor(port: number, brokers: readonly number[], isMqtt: boolean) {
		this.port = port;
		this._brokers = brokers;
		this._isMqtt = isMqtt;
		this._server = createServer({ noDelay: true, pauseOnConnect: true }, (client) => void this._accept(client));
	}

	/**
	 * @param brokers their ports, in the order in which they are tried
	 * @param isMqtt whether readings are written down; another protocol is passed on as it is
	 */
	static async start(brokers: readonly number[], isMqtt = true): Promise<LoadBalancer> {
		const balancer = new LoadBalancer(await freePort(), brokers, isMqtt);
		const { _server: server, port } = balancer;
		await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
		return balancer;
	}

	/** The numbers of the readings that a broker has acknowledged: any, or the one at a port. */
	acknowledged(port?: number): Set<number> {
		const passages = this.passages.filter((passage) => port === undefined || passage.port === port);
		return new Set(passages.filter(({ acknowledged }) => acknowledged).map(({ seq }) => seq));
	}

	/**
	 * From now on nothing of those who are connected gets to a broker, while they get all that it has for them. Returns what
	 * ends their connections, without what was held back.
	 */
	holdBack(): () => void {
		const held = [...this._clients];
		for (const client of held) client.pause();
		return () => {
			for (const client of held) client.resetAndDestroy();
		};
	}

	/** Ends everything. */
	close(): void {
		this._server.close();
		for (const socket of this._sockets) socket.destroy();
	}

	private async _accept(client: Socket): Promise<void> {
		this._watch(client);
		for (const port of this._brokers) {
			const broker = connect({ host: "127.0.0.1", port, noDelay: true });
			this._watch(broker);
			const accepts = await new Promise<boolean>((resolve) => {
				broker.once("connect", () => resolve(true)).once("close", () => resolve(false));
			});
			if (!accepts) continue;
			this._join(client, broker, port);
			return;
		}
		client.destroy();
	}

	private _join(client: Socket, broker: Socket, port: number): void {
		/** By packet id. */
		const waiting = new Map<number, Passage>();
		let isRead = false;
		this._clients.add(client);
		client.on("close", () => this._clients.delete(client));
		const [fromClient, fromBroker] = [new PacketReader(), new PacketReader()];
		pass(client, broker, (data) => {
			if (!this._isMqtt) return;
			for (const packet of fromClient.push(data).packets) {
				// RabbitMQ 3.10 ends a connection of any other version.
				if (packet.cmd === "connect") isRead = packet.protocolVersion === MQTT_3_1_1;
				if (!isRead || packet.cmd !== "publish" || packet.qos === 0 || !isReadingTopic(packet.topic)) continue;
				const passage = { seq: JSON.parse(Buffer.from(packet.payload).toString()).seq, port, acknowledged: false };
				this.passages.push(passage);
				waiting.set(packet.messageId!, passage);
			}
		});
		pass(broker, client, (data) => {
			if (!this._isMqtt) return;
			for (const packet of fromBroker.push(data).packets) {
				const passage = packet.cmd === "puback" && waiting.get(packet.messageId);
				if (!passage) continue;
				passage.acknowledged = true;
				waiting.delete(packet.messageId);
			}
		});
		client.resume();
	}

	private _watch(socket: Socket): void {
		this._sockets.add(socket);
		socket.on("error", () => {}); // followed by "close"
		socket.on("close", () => this._sockets.delete(socket));
	}
}

function pass(from: Socket, to: Socket, look: (data: Buffer<ArrayBuffer>) => void): void {
	from.on("data", (data: Buffer<ArrayBuffer>) => {
		look(data);
		to.write(data);
	});
	from.on("close", () => to.destroySoon());
	if (from.destroyed) to.destroySoon();
}
