/** A server on the loopback that plays AEMET OpenData, misbehaviour included. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Answer } from "../../commands/aemet/answers.ts";
import { AemetAnswers, type Misbehaviour } from "./aemet-answers.ts";

export class AemetServer {
	readonly answers: AemetAnswers;
	readonly origin: string;
	private readonly _server: Server;

	private constructor(server: Server, now: () => number) {
		this._server = server;
		this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
		this.answers = new AemetAnswers(this.origin, now);
		server.on("request", ({ url = "", headers }, response) => {
			const key = headers.api_key === undefined ? undefined : String(headers.api_key);
			const answer = this.answers.answer(url, key);
			// Whoever waits for it waits until the test ends.
			if (answer) send(response, answer, this.answers.requests.at(-1)?.misbehaviour);
		});
	}

	static async start(now: () => number = Date.now): Promise<AemetServer> {
		const server = createServer();
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		return new AemetServer(server, now);
	}

	async close(): Promise<void> {
		this._server.closeAllConnections();
		await new Promise((resolve) => this._server.close(resolve));
	}
}

function send(response: ServerResponse, answer: Answer, misbehaviour: Misbehaviour | undefined): void {
	const { status, contentType, remaining, body } = answer;
	response.writeHead(status, {
		"Content-Type": contentType,
		...(status === 302 && { Location: "http://127.0.0.1:9/" }),
		...(remaining !== undefined && { "Remaining-request-count": String(remaining) }),
		...(misbehaviour === "half a body, and the length of all" && { "Content-Length": String(2 * body.length) }),
	});
	if (misbehaviour === "half a body, and the length of all") response.write(body, () => response.destroy());
	else response.end(body);
}
