/** The broker's end of a WebSocket, on TLS or on nothing: each packet in a frame of its own. */
import { BINARY, serverFrame, switchingProtocols, WebSocketStream } from "../hosts/sim/world/websocket/stream.ts";
import type { BrokerEnd } from "./broker-end.ts";

const NOTHING = new Uint8Array(0);

const PLAIN: BrokerEnd = {
	open: () => {},
	receive: async (said) => ({ said, answer: NOTHING }),
	wrap: async (bytes) => bytes,
};

export class WebSocketBroker implements BrokerEnd {
	private readonly _below: BrokerEnd;
	private _stream: WebSocketStream | undefined;
	private _said: Uint8Array[] = [];
	private _answer: Uint8Array = NOTHING;

	constructor(below = PLAIN) {
		this._below = below;
	}

	open(): void {
		this._below.open();
		this._stream = new WebSocketStream("client", {
			head: (lines) => {
				this._answer = switchingProtocols(lines);
			},
			data: (bytes) => this._said.push(bytes),
			control: () => {},
		});
	}

	async receive(bytes: Uint8Array): Promise<{ said: Uint8Array; answer: Uint8Array }> {
		const { said, answer } = await this._below.receive(bytes);
		this._stream!.push(Uint8Array.from(said));
		const own = this._answer;
		this._answer = NOTHING;
		const wrapped = own.length > 0 ? await this._below.wrap(own) : NOTHING;
		return { said: Buffer.concat(this._said.splice(0)), answer: Buffer.concat([answer, wrapped]) };
	}

	wrap(bytes: Uint8Array): Promise<Uint8Array> {
		return this._below.wrap(serverFrame(BINARY, Uint8Array.from(bytes)));
	}
}
