/** Sessions that Node's TLS resumes: a reconnect is shorter, and nobody is trusted who was not when the session was new. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer as createNetwork, type Socket } from "node:net";
import { mock, test } from "node:test";
import { createServer, type SecureVersion, type TLSSocket, type TlsOptions } from "node:tls";
import { NodeSocket } from "../../../hosts/node/node-socket.ts";
import { connectTls, type TlsAddress, TRUSTED, tlsReason } from "../../../hosts/node/tls.ts";
import { alternativeNames, basicConstraints, certificate, inDays, keyPair, pemOf } from "../../harness/x509.ts";

const VERSIONS: readonly SecureVersion[] = ["TLSv1.2", "TLSv1.3"];
const DAY_MS = 86_400_000;
/** A broker that has kept them knows its tickets again. */
const TICKET_KEYS = Buffer.alloc(48, 7);

const authorityKey = keyPair("P-256", 1);
const authority = (days: number) =>
	pemOf(
		certificate({ subject: "authority", key: authorityKey, to: inDays(days), extensions: [basicConstraints(true)] }),
	);
const ca = authority(30);

/** A broker's, for two names. */
function identity(days = 30, names = ["DNS:localhost", "DNS:broker.test"]): Pick<TlsOptions, "cert" | "key"> {
	const key = keyPair("P-256", 3);
	const own = { issuer: "authority", signer: authorityKey, extensions: [alternativeNames(...names)], to: inDays(days) };
	return {
		cert: pemOf(certificate({ key, ...own })),
		key: key.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
	};
}

async function withServer(
	{ port = 0, ...options }: TlsOptions & { port?: number },
	use: (port: number) => Promise<void>,
): Promise<void> {
	const sockets = new Set<Socket>();
	const server = createServer(options, (socket) => {
		socket.on("error", () => {});
		socket.end("said");
	});
	server.on("connection", (socket: Socket) => {
		sockets.add(socket);
		socket.on("error", () => {});
	});
	server.listen(port, "127.0.0.1");
	await once(server, "listening");
	try {
		await use((server.address() as AddressInfo).port);
	} finally {
		for (const socket of sockets) socket.destroy();
		server.close();
	}
}

/** Whether a connection resumed a session; or why there was none. */
async function connects(port: number, options: Partial<TlsAddress> = {}): Promise<boolean | string> {
	const socket = connectTls({ host: "localhost", address: "127.0.0.1", port, ca, ...options });
	let result: boolean | string = "nothing";
	socket.once(TRUSTED, () => (result = (socket as TLSSocket).isSessionReused()));
	socket.on("error", (error) => (result = tlsReason(error) ?? error.message));
	socket.on("data", () => {});
	await once(socket, "close").catch(() => {});
	return result;
}

for (const version of VERSIONS) {
	const as = { minVersion: version, maxVersion: version };

	test(`${version}: the second connection and the third resume the first one's session`, async () => {
		await withServer({ ...identity(), ...as }, async (port) => {
			assert.deepEqual([await connects(port), await connects(port), await connects(port)], [false, true, true]);
		});
	});

	test(`${version}: other options begin anew`, async () => {
		const own = identity();
		await withServer({ ...own, ...as, ALPNProtocols: ["mqtt"] }, async (port) => {
			await connects(port);
			const changes: Partial<TlsAddress>[] = [
				{ host: "broker.test" },
				{ ca: authority(29) + ca },
				{ certificate: String(own.cert), key: String(own.key) },
				{ alpn: "mqtt" },
			];
			for (const change of changes) assert.equal(await connects(port, change), false, Object.keys(change).join());
			assert.equal(await connects(port), true);
			assert.equal(
				await connects(port, { fingerprint: "00".repeat(32) }),
				"certificate: is another one than tls.fingerprint says",
			);
		});
	});

	test(`${version}: a broker that was not trusted is not trusted the next time, either`, async () => {
		await withServer({ ...identity(30, ["DNS:elsewhere.test"]), ...as }, async (port) => {
			for (let time = 0; time < 3; time++) {
				assert.equal(await connects(port), "certificate: host name does not match");
				const pinned = { fingerprint: "00".repeat(32) };
				assert.equal(await connects(port, pinned), "certificate: is another one than tls.fingerprint says");
			}
		});
	});

	for (const [what, own, trusted] of [
		["the broker's certificate", identity(5), ca],
		["the authority's certificate", identity(), authority(5)],
	] as const) {
		test(`${version}: no session outlives ${what}, however often it was resumed`, async () => {
			await withServer({ ...own, ...as }, async (port) => {
				const settings = { ca: trusted };
				assert.deepEqual([await connects(port, settings), await connects(port, settings)], [false, true]);
				const now = Date.now();
				const clock = mock.method(Date, "now", () => now + 4 * DAY_MS);
				try {
					assert.equal(await connects(port, settings), true);
					clock.mock.mockImplementation(() => now + 6 * DAY_MS);
					// OpenSSL's own clock has not moved.
					assert.equal(await connects(port, settings), false);
				} finally {
					clock.mock.restore();
				}
			});
		});
	}

	test(`${version}: a certificate that is trusted for itself resumes, too, also one that has expired`, async () => {
		for (const days of [5, -1]) {
			const own = identity(days, ["DNS:elsewhere.test"]);
			const { fingerprint256 } = new X509Certificate(String(own.cert));
			await withServer({ ...own, ...as }, async (port) => {
				const pinned = { ca: undefined, fingerprint: fingerprint256 } as unknown as Partial<TlsAddress>;
				assert.deepEqual([await connects(port, pinned), await connects(port, pinned)], [false, true]);
				const other = { ...pinned, fingerprint: fingerprint256.replaceAll(/[0-9]/g, "7") };
				assert.equal(await connects(port, other), "certificate: is another one than tls.fingerprint says");
				assert.equal(await connects(port, pinned), true);
			});
		}
	});

	test(`${version}: an open connection that is reset was no handshake`, async () => {
		const own = identity(30, ["DNS:elsewhere.test"]);
		const server = createServer({ ...own, ...as }, (socket) => socket.write("said"));
		const sockets: Socket[] = [];
		server.on("connection", (socket: Socket) => sockets.push(socket));
		await once(server.listen(0, "127.0.0.1"), "listening");
		const { fingerprint256: fingerprint } = new X509Certificate(String(own.cert));
		const { port } = server.address() as AddressInfo;
		const reason = await new Promise((resolve) => {
			const socket: NodeSocket = new NodeSocket({
				...{ host: "localhost", address: "127.0.0.1", port, fingerprint, connect: connectTls },
				onWritable: () => {},
				onReadable: () => {
					socket.read();
					for (const tcp of sockets) tcp.resetAndDestroy();
				},
				onError: resolve,
			});
		});
		assert.equal(reason, "reset by the broker");
		server.close();
	});

	test(`${version}: an attempt that TCP refused forgets no session`, async () => {
		const own = identity();
		let port = 0;
		await withServer({ ...own, ...as, ticketKeys: TICKET_KEYS }, async (here) => {
			port = here;
			assert.deepEqual([await connects(port), await connects(port)], [false, true]);
		});
		assert.match(String(await connects(port)), /ECONNREFUSED/);
		await withServer({ ...own, ...as, ticketKeys: TICKET_KEYS, port }, async () => {
			assert.equal(await connects(port), true);
		});
	});

	test(`${version}: a session with which a connection failed is forgotten`, async () => {
		await withServer({ ...identity(), ...as }, async (target) => {
			let isBroken = false;
			const network = createNetwork((client) => {
				client.on("error", () => {});
				if (isBroken) return void client.once("data", () => client.destroy());
				const broker = connect({ host: "127.0.0.1", port: target });
				client.pipe(broker).pipe(client);
				broker.on("error", () => {});
			});
			await once(network.listen(0, "127.0.0.1"), "listening");
			const { port } = network.address() as AddressInfo;
			assert.deepEqual([await connects(port), await connects(port)], [false, true]);
			isBroken = true;
			assert.match(String(await connects(port)), /disconnected before secure TLS connection|ECONNRESET/);
			isBroken = false;
			assert.deepEqual([await connects(port), await connects(port)], [false, true]);
			network.close();
		});
	});
}

test("so many brokers' sessions are kept, and the oldest makes room", async () => {
	await withServer(identity(), async (port) => {
		const at = (number: number) => connects(port, { alpn: `protocol-${number}` });
		for (let number = 0; number < 17; number++) assert.equal(await at(number), false);
		assert.equal(await at(16), true);
		assert.equal(await at(0), false);
	});
});
