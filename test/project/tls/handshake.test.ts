/** The firmware's TLS client with servers of Node's, OpenSSL's and mosquitto's: handshakes, reasons, resumption. */
import assert from "node:assert/strict";
import { constants, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import {
	type AddressInfo,
	connect as connectTcp,
	createServer as createTcpServer,
	type Server,
	type Socket,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { createServer, type TLSSocket, type TlsOptions } from "node:tls";
import { connectTls, type TlsAddress, TRUSTED, tlsReason } from "../../../hosts/node/tls.ts";
import { Mosquitto } from "../../harness/mosquitto.ts";
import { freePort } from "../../harness/ports.ts";
import { findProgram, Program } from "../../harness/program.ts";
import { type Connection, type Outcome, TlsClient } from "../../harness/tls-client.ts";
import {
	alternativeNames,
	basicConstraints,
	certificate,
	type Issue,
	inDays,
	type KeyPair,
	keyPair,
	pemOf,
} from "../../harness/x509.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "veleta-tls-handshake-"));
const HOST = "localhost";
const FULL_FLIGHTS = 4;
/** A third one, the client's Finished, takes along what the client has to say. */
const RESUMED_FLIGHTS = 2;
const SECOND = 1_000;
const now = () => Math.floor(Date.now() / SECOND);

let client: TlsClient;
before(() => {
	client = new TlsClient(FOLDER);
});
after(() => rmSync(FOLDER, { recursive: true }));

/** Certificates */

const EXTENSIONS = [alternativeNames(`DNS:${HOST}`)];
const authorityKey = keyPair("P-256", 1);
const authority = certificate({ subject: "authority", key: authorityKey, extensions: [basicConstraints(true)] });
const ca = pemOf(authority);
const otherCa = pemOf(
	certificate({ subject: "another", key: keyPair("P-256", 2), extensions: [basicConstraints(true)] }),
);

interface Identity {
	readonly certificate: string;
	readonly key: string;
}

type Format = "pkcs8" | "pkcs1" | "sec1";
const keyIn = ({ privateKey }: KeyPair, type: Format = "pkcs8") =>
	privateKey.export({ type: type as "pkcs8", format: "pem" }) as string;

/** One that the authority has issued. */
function identity(key = keyPair("P-256", 3), issue: Partial<Issue> = {}): Identity {
	const options = { issuer: "authority", signer: authorityKey, extensions: EXTENSIONS, ...issue };
	return { certificate: pemOf(certificate({ key, ...options })), key: keyIn(key) };
}

const broker = identity();
const station = identity(keyPair("P-256", 4), { subject: "station" });

/** Servers */

interface Running {
	readonly port: number;
	/** Codes of what went wrong there, "end" where a client has ended in good order. */
	readonly events: string[];
	close(): unknown;
}

async function listening(server: Server, events: string[] = []): Promise<Running> {
	const sockets = new Set<Socket>();
	server.on("connection", (socket) => {
		sockets.add(socket);
		socket.on("error", () => {});
		socket.on("close", () => sockets.delete(socket));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as AddressInfo;
	const close = () => {
		for (const socket of sockets) socket.destroy();
		server.close();
	};
	return { port, events, close };
}

/** Sends back what it gets; `onOpen` does something else with an open connection. */
function tlsServer(options: TlsOptions = {}, onOpen?: (socket: TLSSocket, tcp: Socket) => void): Promise<Running> {
	const events: string[] = [];
	const { certificate: cert, key } = broker;
	const server = createServer({ cert, key, maxVersion: "TLSv1.2", ...options });
	server.on("tlsClientError", (error: NodeJS.ErrnoException) => events.push(error.code ?? error.message));
	let tcp: Socket;
	server.on("connection", (socket: Socket) => (tcp = socket));
	server.on("secureConnection", (socket) => {
		socket.on("error", (error: NodeJS.ErrnoException) => events.push(error.code ?? error.message));
		socket.on("end", () => events.push("end"));
		if (onOpen) onOpen(socket, tcp);
		else socket.on("data", (bytes) => socket.write(bytes));
	});
	return listening(server, events);
}

const tcpServer = (onConnection: (socket: Socket) => void) => listening(createTcpServer(onConnection));
/** Answers the first bytes. */
const answering = (answer: Buffer | string, ends = true) =>
	tcpServer((socket) => socket.once("data", () => (ends ? socket.end(answer) : socket.write(answer))));
const FATAL = 2;
const alerting = (description: number) => answering(Buffer.of(21, 3, 3, 0, 2, FATAL, description));

/** OpenSSL's own server, which ends the handshake where Node's would only close the connection after it. */
async function opensslServer(...args: string[]): Promise<Running> {
	const port = await freePort();
	const files = fileOf("openssl.crt", broker.certificate);
	const own = ["-cert", files, "-key", fileOf("openssl.key", broker.key), "-accept", `127.0.0.1:${port}`];
	const program = new Program(
		"openssl s_server",
		findProgram("openssl"),
		["s_server", "-www", ...own, ...args],
		FOLDER,
	);
	await program.line(/^ACCEPT/);
	return { port, events: program.lines, close: () => program.kill() };
}

function fileOf(name: string, text: string): string {
	const path = join(FOLDER, name);
	writeFileSync(path, text);
	return path;
}

async function using<Value>(server: Promise<Running>, use: (server: Running) => Promise<Value>): Promise<Value> {
	const running = await server;
	try {
		return await use(running);
	} finally {
		await running.close();
	}
}

/** Clients */

/** As connections of this test are if nothing else is said. */
const connection = (others: Partial<Connection>): Connection => ({ host: HOST, ca, time: now(), ...others });
const connect = (port: number, others: Partial<Connection> = {}) => client.one(connection({ port, ...others }));

function assertOpen(outcome: Outcome, flights = FULL_FLIGHTS): void {
	const { state, reason, problem, left, isWrong, end } = outcome;
	assert.deepEqual(
		{ state, reason, problem, left, isWrong, end, flights: outcome.flights },
		{ state: "open", reason: "", problem: undefined, left: 0, isWrong: false, end: "", flights },
	);
}

/** What a user of the Node side reads; "" where nothing goes wrong. */
async function nodeSays(
	port: number,
	{ certificate: cert, key, ...settings }: Partial<Connection> = {},
): Promise<string> {
	const own = cert !== undefined && key !== undefined ? { certificate: cert, key } : {};
	try {
		const socket = connectTls({ host: HOST, address: "127.0.0.1", port, ca, ...settings, ...own } as TlsAddress);
		return await new Promise((resolve) => {
			socket.on("error", (error) => resolve(tlsReason(error) ?? error.message));
			socket.on("end", () => socket.end());
			socket.on("close", () => resolve(""));
			socket.resume();
		});
	} catch (error) {
		return (error as Error).message;
	}
}

const boardSays = ({ problem, state, reason }: Outcome) => problem ?? (state === "failed" ? reason : "");

/** Handshakes */

for (const kind of ["P-256", "P-384", "P-521", "rsa2048", "rsa3072", "rsa4096"] as const) {
	test(`A broker with ${kind}: four flights, one signature of its own, and 64 KB both ways`, async () => {
		const { certificate: cert, key } = identity(keyPair(kind, 5));
		await using(tlsServer({ cert, key }), async ({ port, events }) => {
			const outcome = await connect(port, { send: 65_536 });
			assertOpen(outcome);
			assert.equal(outcome.read, 65_536);
			assert.deepEqual([outcome.certificateChecks, outcome.keyChecks], [1, 1]);
			assert.deepEqual(events, ["end"], "it ends in good order");
		});
	});
}

for (const suite of [
	...["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"],
	...["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"],
]) {
	test(`A broker that wants ${suite}`, async () => {
		const { certificate: cert, key } = identity(
			suite.includes("RSA-AES") || suite.includes("RSA-CHACHA") ? keyPair("rsa2048", 5) : undefined,
		);
		await using(tlsServer({ cert, key, ciphers: suite }), async ({ port }) => {
			assertOpen(await connect(port, { send: 1_000 }));
		});
	});
}

test("The bytes may come and go in pieces of any length", async () => {
	await using(tlsServer(), async ({ port, events }) => {
		const pieces = [1, 2, 5, 7, 64, 1_500];
		const outcomes = await client.run(pieces.map((piece) => connection({ port, piece, send: 3_000 })));
		for (const outcome of outcomes) {
			assertOpen(outcome);
			assert.equal(outcome.read, 3_000);
		}
		assert.deepEqual(
			events,
			pieces.map(() => "end"),
		);
	});
});

test("A broker may cut its messages into small records, and send empty ones", async () => {
	const server = tlsServer({}, (socket) => {
		socket.setMaxSendFragment(512);
		socket.on("data", (bytes) => socket.write(bytes));
	});
	await using(server, async ({ port }) => {
		const outcome = await connect(port, { send: 65_536 });
		assertOpen(outcome);
		assert.equal(outcome.read, 65_536);
	});
});

test("The first bytes of a broker that speaks at once are not lost", async () => {
	await using(
		tlsServer({}, (socket) => socket.end("x".repeat(10_000))),
		async ({ port }) => {
			for (const piece of [1 << 20, 7]) {
				const { state, reason, read, isWrong } = await connect(port, { wait: true, piece });
				assert.deepEqual(
					{ state, reason, read, isWrong },
					{ state: "closed", reason: "by the broker", read: 10_000, isWrong: false },
				);
			}
		},
	);
});

test("A connection that is cut without close_notify is not closed in good order", async () => {
	await using(
		tlsServer({}, (socket, tcp) => socket.write("some", () => tcp.end())),
		async ({ port }) => {
			const { state, reason, read, end, left } = await connect(port, { wait: true });
			assert.deepEqual(
				{ state, reason, read, end, left },
				{ state: "open", reason: "", read: 4, end: "ended", left: 0 },
			);
		},
	);
});

/** Client certificates */

const CLIENT_KEYS = [
	...(["P-256", "P-384", "P-521"] as const).flatMap((kind) => [[kind, "pkcs8"] as const, [kind, "sec1"] as const]),
	...(["rsa2048", "rsa4096"] as const).flatMap((kind) => [[kind, "pkcs8"] as const, [kind, "pkcs1"] as const]),
];

/** One for TLS only; `asks`: clients have to have certificates of the authority's. */
async function mosquittoServer(asks: boolean): Promise<Running> {
	const folder = mkdtempSync(join(FOLDER, "mosquitto-"));
	const own = { certificate: fileOf("broker.crt", broker.certificate), key: fileOf("broker.key", broker.key) };
	const clientAuthority = { certificate: fileOf("ca.crt", ca), key: "" };
	const tls = { identity: own, ...(asks ? { clientAuthority } : {}) };
	const mosquitto = await Mosquitto.start(folder, { tls });
	return { port: mosquitto.tlsPort, events: mosquitto.log, close: () => mosquitto.kill() };
}

test("mosquitto lets in clients with keys of all kinds, and resumes their sessions", async () => {
	await using(mosquittoServer(true), async ({ port }) => {
		const save = join(FOLDER, "clients.session");
		const outcomes = await client.run(
			CLIENT_KEYS.flatMap(([kind, format]) => {
				const pair = keyPair(kind, 6);
				const own = { ...identity(pair, { subject: "station" }), key: keyIn(pair, format) };
				return [connection({ port, ...own, save }), connection({ port, ...own, saved: save })];
			}),
		);
		for (const [index, outcome] of outcomes.entries()) {
			assertOpen(outcome, index % 2 === 0 ? FULL_FLIGHTS : RESUMED_FLIGHTS);
		}
	});
});

test("A client sends the certificates of its issuers, too", async () => {
	const issuerKey = keyPair("P-384", 7);
	const issuer = certificate({
		...{ subject: "issuer of stations", issuer: "authority", key: issuerKey, signer: authorityKey },
		extensions: [basicConstraints(true)],
	});
	const own = identity(keyPair("P-256", 4), { subject: "station", issuer: "issuer of stations", signer: issuerKey });
	await using(mosquittoServer(true), async ({ port }) => {
		assertOpen(await connect(port, { ...own, certificate: own.certificate + pemOf(issuer) }));
		const { state } = await connect(port, own);
		assert.equal(state, "failed", "mosquitto does not know who issued it");
	});
});

/** Settings */

interface Unusable {
	readonly settings: Partial<Connection>;
	readonly board: string;
	/** The Node side's words, where they are others, and why. */
	readonly node?: string;
	readonly why?: string;
}

const BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const rsaKey = keyPair("rsa2048", 6);
const encrypted = (type: Format, pair: KeyPair) =>
	pair.privateKey.export({
		type: type as "pkcs8",
		format: "pem",
		cipher: "aes-256-cbc",
		passphrase: "secret",
	}) as string;
const NO_KEY = "tls.key: is no private key without a password";
const OTHER_KEY = "tls.key: does not belong to tls.certificate";
const NO_CERTIFICATE = "tls.certificate: is no certificate";

const UNUSABLE: Readonly<Record<string, Unusable>> = {
	"a key of another certificate": { settings: { ...station, key: broker.key }, board: OTHER_KEY },
	"a key of another kind": { settings: { ...station, key: keyIn(rsaKey) }, board: OTHER_KEY },
	"a key of another curve": { settings: { ...station, key: keyIn(keyPair("P-384", 4)) }, board: OTHER_KEY },
	"a key with a password, PKCS #8": {
		settings: { ...station, key: encrypted("pkcs8", keyPair("P-256", 4)) },
		board: NO_KEY,
	},
	"a key with a password, SEC 1": {
		settings: { ...station, key: encrypted("sec1", keyPair("P-256", 4)) },
		board: NO_KEY,
	},
	"a key with a password, PKCS #1": { settings: { ...station, key: encrypted("pkcs1", rsaKey) }, board: NO_KEY },
	"a key that is cut": { settings: { ...station, key: `${station.key.slice(0, 100)}\n` }, board: NO_KEY },
	"a certificate in place of a key": { settings: { ...station, key: station.certificate }, board: NO_KEY },
	"a public key": {
		settings: { ...station, key: keyPair("P-256", 4).publicKey.export({ type: "spki", format: "pem" }) as string },
		board: NO_KEY,
	},
	"an empty key": { settings: { ...station, key: "" }, board: NO_KEY },
	"an Ed25519 key": {
		settings: identity(keyPair("ed25519", 4)),
		board: NO_CERTIFICATE,
		node: "",
		why: "Mbed TLS has no Ed25519",
	},
	"a certificate that is none": { settings: { ...station, certificate: BROKEN }, board: NO_CERTIFICATE },
	"a key in place of a certificate": { settings: { ...station, certificate: station.key }, board: NO_CERTIFICATE },
	"no authority": { settings: { ca: "nothing" }, board: "tls.ca: holds no certificate" },
	"an authority that is none": {
		settings: { ca: BROKEN },
		board: "tls.ca: holds a certificate that cannot be read here",
		node: "tls.ca: holds no certificate",
		why: "a board tells one that it cannot read from none",
	},
	"an authority of which a part is missing": {
		settings: { ca: ca + ca.slice(0, 200) },
		board: "",
		why: "what begins like a certificate and does not end is passed over",
	},
	"a second authority that is none": {
		settings: { ca: ca + BROKEN },
		board: "tls.ca: holds a certificate that cannot be read here",
		node: "",
		why: "Node passes over what it cannot read",
	},
	"seventeen authorities": {
		settings: { ca: ca.repeat(17) },
		board: "tls.ca: holds more than 16 certificates",
		node: "",
		why: "a board has little memory",
	},
	"sixteen authorities": { settings: { ca: otherCa.repeat(15) + ca }, board: "" },
};

test("Settings that cannot be used are told in the words of the Node side, before anything is sent", async () => {
	await using(
		tlsServer({}, (socket) => socket.end()),
		async ({ port, events }) => {
			for (const [what, { settings, board, node = board }] of Object.entries(UNUSABLE)) {
				events.length = 0;
				const outcome = await connect(port, { ...settings });
				const { ca: trusted = ca, certificate: cert, key } = settings;
				const files = cert === undefined || key === undefined ? {} : { certificate: cert, key };
				assert.equal(boardSays(outcome), board, what);
				if (board !== "") assert.deepEqual([outcome.bytesOut, outcome.left], [0, 0], what);
				assert.equal(await nodeSays(port, { ca: trusted, ...files }), node, `${what}, Node`);
			}
		},
	);
});

/** A certificate that is trusted for itself */

const OTHER = "certificate: is another one than tls.fingerprint says";
const digitsOf = ({ certificate: pem }: Identity) => new X509Certificate(pem).fingerprint256;
const fingerprintOf = (identity: Identity) => digitsOf(identity).replaceAll(":", "").toLowerCase();
const elsewhere = [alternativeNames("DNS:elsewhere.test")];
const PINNED: Readonly<Record<string, Partial<Issue>>> = {
	"that nobody knows the issuer of": { issuer: "another", signer: keyPair("P-256", 2) },
	"that is its own issuer": { subject: "itself", issuer: "itself", signer: keyPair("P-256", 6) },
	"for another host": { extensions: elsewhere },
	"that has expired": { to: inDays(-0.5) },
	"that is not valid yet": { from: inDays(1) },
	"whose signature is wrong": { isDamaged: true },
};

for (const [what, issue] of Object.entries(PINNED)) {
	test(`A certificate ${what} is trusted by its fingerprint, and by no other`, async () => {
		const own = identity(keyPair("P-256", 6), issue);
		await using(tlsServer({ cert: own.certificate, key: own.key }), async ({ port, events }) => {
			for (const fingerprint of [digitsOf(own), fingerprintOf(own)]) {
				const save = sessionFile();
				const pinned = { ca: undefined, fingerprint };
				const outcome = await connect(port, { ...pinned, save, send: 100 });
				assertOpen(outcome);
				assert.deepEqual([outcome.read, outcome.certificateChecks, outcome.keyChecks], [100, 0, 1]);
				assertOpen(await connect(port, { ...pinned, saved: save, time: now() + 1e9 }), RESUMED_FLIGHTS);
				assert.equal(await nodeTalks(port, pinned), "it is heard");
			}
			const digits = fingerprintOf(own);
			const wrong = { ca: undefined, fingerprint: `${digits.slice(0, -1)}${digits.endsWith("0") ? 1 : 0}` };
			events.length = 0;
			const { reason, left } = await connect(port, wrong);
			assert.deepEqual([reason, left], [OTHER, 0]);
			assert.deepEqual(events, ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE"]);
			assert.equal(await nodeTalks(port, wrong), OTHER);
		});
	});
}

test("Who has only a copy of the certificate that is trusted is no broker", async () => {
	const own = identity(keyPair("P-256", 6), { extensions: elsewhere });
	const chain = { certificate: own.certificate + broker.certificate, key: own.key };
	const pinned = { ca: undefined, fingerprint: fingerprintOf(broker) };
	await using(tlsServer({ cert: chain.certificate, key: chain.key }), async ({ port }) => {
		assert.equal((await connect(port, pinned)).reason, OTHER);
		assert.equal(await nodeTalks(port, pinned), OTHER);
	});
});

/** What the Node side hears of a server that sends back what it gets; or why it does not. */
async function nodeTalks(port: number, settings: Partial<Connection>): Promise<string> {
	const socket = connectTls({ host: HOST, address: "127.0.0.1", port, ...settings } as TlsAddress);
	let said = "";
	return new Promise((resolve) => {
		socket.once(TRUSTED, () => socket.write("it is heard"));
		socket.on("data", (bytes) => {
			said = String(bytes);
			socket.end();
		});
		socket.on("error", (error) => (said = tlsReason(error) ?? error.message));
		socket.on("close", () => resolve(said));
	});
}

/** The protocol inside of TLS */

test("ALPN asks for the protocol of the settings, and a broker that has another one is no broker", async () => {
	const chosen: unknown[] = [];
	const saying = (protocols?: string[]) =>
		tlsServer(protocols ? { ALPNProtocols: protocols } : {}, (socket) => {
			chosen.push(socket.alpnProtocol);
			socket.on("data", (bytes) => socket.write(bytes));
		});
	const alpn = "x-amzn-mqtt-ca";
	for (const [protocols, protocol] of [
		[["http/1.1", alpn, "mqtt"], alpn],
		// It knows nothing of ALPN, and does not mind.
		[undefined, false],
	] as const) {
		await using(saying(protocols && [...protocols]), async ({ port }) => {
			assertOpen(await connect(port, { alpn, send: 10 }));
			assert.equal(await nodeTalks(port, { ca, alpn }), "it is heard");
			assertOpen(await connect(port, { send: 10 }));
			assert.deepEqual(chosen.splice(0), [protocol, protocol, false]);
		});
	}
	await using(saying(["http/1.1"]), async ({ port }) => {
		const words = "the broker does not speak the protocol of tls.alpn";
		assert.equal((await connect(port, { alpn })).reason, words);
		assert.equal(await nodeSays(port, { alpn }), words);
	});
});

/** Refusals */

interface Refusal {
	readonly server: () => Promise<Running>;
	readonly own?: Identity;
	readonly board: string;
	/** The Node side's words, where they are others, and why. */
	readonly node?: string | RegExp;
	readonly why?: string;
}

const NOT_ACCEPTED = "the broker does not accept the client certificate";
const MAY_WANT = "the broker refuses the TLS handshake; it may want a client certificate (tls.certificate)";
const WANTS = "the broker wants a client certificate (tls.certificate)";
const NO_TLS = "the broker does not speak TLS on this port";
const NO_VERSION = "the broker speaks no version of TLS that is spoken here";
const CLOSED = "closed by the broker during the TLS handshake";
/** Node's, for a connection that ends in the handshake: nothing of TLS. */
const NODE_CLOSED = "Client network socket disconnected before secure TLS connection was established";

const verifying = (...args: string[]) =>
	opensslServer("-Verify", "1", "-verify_return_error", "-CAfile", fileOf("ca.crt", ca), ...args);
const strangers = identity(keyPair("P-256", 4), { subject: "station", issuer: "another", signer: keyPair("P-256", 2) });
const expired = identity(keyPair("P-256", 4), { subject: "station", to: inDays(-0.5) });
const future = identity(keyPair("P-256", 4), { subject: "station", from: inDays(1) });
const damaged = identity(keyPair("P-256", 4), { subject: "station", isDamaged: true });

const REFUSALS: Readonly<Record<string, Refusal>> = {
	"TLS 1.0 only": {
		server: () => tlsServer({ minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "DEFAULT:@SECLEVEL=0" }),
		board: MAY_WANT,
		node: NO_VERSION,
		why: "without TLS 1.3 there is no list of versions: the broker takes an older one, and then finds no cipher suite for it",
	},
	"TLS 1.1 only": {
		server: () => tlsServer({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" }),
		board: MAY_WANT,
		node: NO_VERSION,
		why: "without TLS 1.3 there is no list of versions: the broker takes an older one, and then finds no cipher suite for it",
	},
	"TLS 1.3 only": {
		server: () => tlsServer({ minVersion: "TLSv1.3", maxVersion: "TLSv1.3" }, (socket) => socket.end()),
		board: NO_VERSION,
		node: "",
		why: "Mbed TLS 2.28 has no TLS 1.3",
	},
	"CBC suites only": {
		server: () => tlsServer({ ciphers: "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA" }, (socket) => socket.end()),
		board: MAY_WANT,
		node: "",
		why: "authenticated encryption only (RFC 9325, section 4.2)",
	},
	"no suite with forward secrecy": {
		server: () => {
			const { certificate: cert, key } = identity(keyPair("rsa2048", 5));
			return tlsServer({ cert, key, ciphers: "AES128-GCM-SHA256" }, (socket) => socket.end());
		},
		board: MAY_WANT,
		node: "",
		why: "forward secrecy only (RFC 9325, section 4.1)",
	},
	HTTP: { server: () => answering("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), board: NO_TLS },
	"a CONNACK of MQTT, which is shorter than a record": {
		server: () => answering(Buffer.of(0x20, 2, 0, 1)),
		board: CLOSED,
		node: NODE_CLOSED,
		why: "Node calls it TCP's",
	},
	"a CONNACK of MQTT 5": {
		server: () => answering(Buffer.of(0x20, 3, 0, 0x80, 0)),
		board: NO_TLS,
		node: /^TLS: .*packet length too long/,
		why: "Node has no code for it",
	},
	"a ServerHello of TLS 1.1": {
		server: () =>
			answering(
				Buffer.concat([
					Buffer.from("160302002a020000260302", "hex"),
					Buffer.alloc(32, 7),
					Buffer.from("00c02b00", "hex"),
				]),
			),
		board: NO_VERSION,
	},

	"a greeting of SSH": { server: () => tcpServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")), board: NO_TLS },
	"an end without a word": {
		server: () => answering(""),
		board: CLOSED,
		node: NODE_CLOSED,
		why: "Node calls it TCP's",
	},
	"an end at once": {
		server: () => tcpServer((socket) => socket.end()),
		board: CLOSED,
		node: NODE_CLOSED,
		why: "Node calls it TCP's",
	},
	"the first half of a record": {
		server: () => answering(Buffer.of(22, 3, 3)),
		board: CLOSED,
		node: NODE_CLOSED,
		why: "Node calls it TCP's",
	},
	"mosquitto without TLS": {
		server: async () => {
			const mosquitto = await Mosquitto.start(mkdtempSync(join(FOLDER, "mosquitto-")));
			return { port: mosquitto.port, events: mosquitto.log, close: () => mosquitto.kill() };
		},
		board: CLOSED,
		node: new RegExp(`^(${NODE_CLOSED}|read ECONNRESET)$`),
		why: "Node calls it TCP's",
	},
	"a client certificate wanted, and none": { server: () => verifying("-tls1_2"), board: MAY_WANT },
	"a client certificate of somebody else's authority": {
		server: () => verifying("-tls1_2"),
		own: strangers,
		board: `${NOT_ACCEPTED}: it does not know who issued it`,
	},
	"a client certificate that has expired": {
		server: () => verifying("-tls1_2"),
		own: expired,
		board: `${NOT_ACCEPTED}: it has expired`,
	},
	"a client certificate that is not valid yet": {
		server: () => verifying("-tls1_2"),
		own: future,
		board: NOT_ACCEPTED,
	},
	"a client certificate whose signature is wrong": {
		server: () => verifying("-tls1_2"),
		own: damaged,
		board: NOT_ACCEPTED,
	},
	"mosquitto, and no client certificate": {
		server: () => mosquittoServer(true),
		board: MAY_WANT,
		node: WANTS,
		why: "TLS 1.3 has an alert for it",
	},
	"mosquitto, and a client certificate of somebody else's authority": {
		server: () => mosquittoServer(true),
		own: strangers,
		board: `${NOT_ACCEPTED}: it does not know who issued it`,
	},
	"mosquitto, and a client certificate that has expired": {
		server: () => mosquittoServer(true),
		own: expired,
		board: `${NOT_ACCEPTED}: it has expired`,
	},
	"certificates of more than 16 KB": {
		server: () => tlsServer({ cert: broker.certificate + ca.repeat(100) }, (socket) => socket.end()),
		board: "TLS failed (-0x7080)",
		node: "",
		why: "a record's length is the most that Mbed TLS takes for a message",
	},
};

for (const [what, { server, own, board, node = board }] of Object.entries(REFUSALS)) {
	test(`Why there is no connection is said in the words of the Node side: ${what}`, async () => {
		await using(server(), async ({ port }) => {
			const outcome = await connect(port, own);
			assert.equal(outcome.left, 0);
			assert.equal(outcome.isWrong, false);
			assert.equal(boardSays(outcome), board);
			const said = await nodeSays(port, own);
			if (typeof node === "string") assert.equal(said, node, "Node");
			else assert.match(said, node, "Node");
		});
	});
}

/** Of RFC 5246, section 7.2, RFC 8446, section 6, and RFC 6066, section 9; those without words here have a number on a board. */
const ALERTS: Readonly<Record<number, string | undefined>> = {
	10: "the broker ended TLS: unexpected message",
	20: "the broker ended TLS: bad record mac",
	22: "the broker ended TLS: record overflow",
	40: MAY_WANT,
	42: NOT_ACCEPTED,
	43: NOT_ACCEPTED,
	44: `${NOT_ACCEPTED}: it has been revoked`,
	45: `${NOT_ACCEPTED}: it has expired`,
	46: NOT_ACCEPTED,
	47: "the broker ended TLS: illegal parameter",
	48: `${NOT_ACCEPTED}: it does not know who issued it`,
	49: NOT_ACCEPTED,
	50: "the broker ended TLS: decode error",
	51: NOT_ACCEPTED,
	70: NO_VERSION,
	71: "the broker ended TLS: insufficient security",
	80: "the broker ended TLS: internal error",
	86: "the broker ended TLS: inappropriate fallback",
	109: undefined,
	110: "the broker ended TLS: unsupported extension",
	112: "the broker does not know itself by this host name",
	116: WANTS,
	120: "the broker does not speak the protocol of tls.alpn",
};

test("A broker's alerts are told in the words of the Node side", async () => {
	for (const [description, words] of Object.entries(ALERTS)) {
		await using(alerting(Number(description)), async ({ port }) => {
			const outcome = await connect(port);
			assert.equal(outcome.reason, words ?? `the broker ended TLS: alert ${description}`);
			const node = await nodeSays(port);
			if (words !== undefined) assert.equal(node, words, description);
			else assert.match(node, new RegExp(`^the broker ended TLS: [a-z ]+$|SSL alert number ${description}$`, "m"));
		});
	}
});

test("A broker learns why its certificate is not accepted", async () => {
	const alerts: Record<string, readonly [issue: Partial<Issue>, code: string]> = {
		"of somebody else": [{ issuer: "another", signer: keyPair("P-256", 2) }, "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"],
		expired: [{ to: inDays(-0.5) }, "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED"],
		"not valid yet": [{ from: inDays(1) }, "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED"],
		"for another host": [{ extensions: [alternativeNames("DNS:other.test")] }, "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE"],
	};
	for (const [what, [issue, code]] of Object.entries(alerts)) {
		const { certificate: cert, key } = identity(keyPair("P-256", 3), issue);
		await using(tlsServer({ cert, key }), async ({ port, events }) => {
			const { state } = await connect(port);
			assert.equal(state, "failed", what);
			assert.deepEqual(events, [code], what);
		});
	}
});

/** Resumption */

let sessions = 0;
const sessionFile = () => join(FOLDER, `${++sessions}.session`);

/** Keeps sessions itself, by their ids. */
function serverWithIds(): Promise<Running> {
	const known = new Map<string, Buffer>();
	const { certificate: cert, key } = broker;
	const server = createServer({ cert, key, maxVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET });
	server.on("newSession", (id: Buffer, session: Buffer, done: () => void) => {
		known.set(id.toString("hex"), session);
		done();
	});
	server.on("resumeSession", (id: Buffer, done: (error: null, session: Buffer | null) => void) => {
		done(null, known.get(id.toString("hex")) ?? null);
	});
	server.on("tlsClientError", () => {});
	server.on("secureConnection", (socket) => {
		socket.on("error", () => {});
		socket.on("data", (bytes) => socket.write(bytes));
	});
	return listening(server);
}

for (const [by, start] of Object.entries({ "a ticket": () => tlsServer(), "an id": serverWithIds })) {
	test(`A session is resumed by ${by}: two flights, no signature, and none of the broker's certificates`, async () => {
		await using(start(), async ({ port }) => {
			const save = sessionFile();
			const own = { port, save, send: 1_000 };
			const [first, ...others] = await client.run([
				connection(own),
				...Array.from({ length: 3 }, () => connection({ ...own, saved: save })),
			]);
			assertOpen(first!);
			assert.equal(first!.savedAgain, 0, "the same is not saved twice");
			for (const outcome of others) {
				assertOpen(outcome, RESUMED_FLIGHTS);
				assert.equal(outcome.isResumed, true);
				assert.deepEqual([outcome.certificateChecks, outcome.keyChecks], [0, 0]);
				assert.ok(outcome.bytesIn + 300 < first!.bytesIn, `${outcome.bytesIn}, ${first!.bytesIn}`);
			}
		});
	});
}

test("A session that the broker has forgotten costs nothing: a full handshake, which checks the certificates", async () => {
	const save = sessionFile();
	await using(tlsServer(), async ({ port }) => assertOpen(await connect(port, { save })));
	await using(tlsServer(), async ({ port }) => {
		const outcome = await connect(port, { saved: save, save });
		assertOpen(outcome);
		assert.deepEqual([outcome.isResumed, outcome.certificateChecks, outcome.keyChecks], [false, 1, 1]);
		assertOpen(await connect(port, { saved: save }), RESUMED_FLIGHTS);
	});
	const { certificate: cert, key } = identity(keyPair("P-256", 3), { issuer: "another", signer: keyPair("P-256", 2) });
	await using(tlsServer({ cert, key }), async ({ port }) => {
		const { state, reason } = await connect(port, { saved: save });
		assert.deepEqual([state, reason], ["failed", "certificate: no trusted authority has issued it (tls.ca)"]);
	});
});

test("A session is for the settings with which it was made", async () => {
	const save = sessionFile();
	const twoNames = identity(keyPair("P-256", 3), { extensions: [alternativeNames(`DNS:${HOST}`, "DNS:broker.test")] });
	await using(tlsServer({ cert: twoNames.certificate, key: twoNames.key }), async ({ port }) => {
		assertOpen(await connect(port, { save }));
		const changes: Record<string, Partial<Connection>> = {
			"another host": { host: "broker.test" },
			"another ca": { ca: otherCa + ca },
			"a client certificate": station,
			"a fingerprint": { fingerprint: fingerprintOf(twoNames) },
			"another protocol": { alpn: "mqtt" },
		};
		for (const [what, change] of Object.entries(changes)) {
			const outcome = await connect(port, { saved: save, ...change });
			assertOpen(outcome);
			assert.deepEqual(
				[outcome.isResumed, outcome.certificateChecks],
				[false, change.fingerprint === undefined ? 1 : 0],
				what,
			);
		}
		const { reason } = await connect(port, { saved: save, ca: otherCa });
		assert.equal(reason, "certificate: no trusted authority has issued it (tls.ca)");
		const withStation = sessionFile();
		assertOpen(await connect(port, { ...station, save: withStation }));
		assertOpen(await connect(port, { ...station, saved: withStation }), RESUMED_FLIGHTS);
		const renewed = identity(keyPair("P-256", 4), { subject: "station" });
		const another = identity(keyPair("P-256", 5), { subject: "station" });
		for (const own of [renewed, another, {}]) {
			assertOpen(await connect(port, { ...own, saved: withStation }));
		}
	});
});

test("No session outlives the certificates that it spares", async () => {
	const time = now();
	const at = (seconds: number) => ({ to: new Date((time + seconds) * SECOND) });
	const issuerKey = keyPair("P-256", 8);
	for (const [own, issuer, root] of [
		[100, 1_000, 1_000],
		[1_000, 100, 1_000],
		[1_000, 1_000, 100],
	] as const) {
		const extensions = [basicConstraints(true)];
		const trusted = pemOf(certificate({ subject: "authority", key: authorityKey, extensions, ...at(root) }));
		const issuing = { subject: "issuer", issuer: "authority", key: issuerKey, signer: authorityKey, extensions };
		const below = identity(keyPair("P-256", 3), { issuer: "issuer", signer: issuerKey, ...at(own) });
		const cert = below.certificate + pemOf(certificate({ ...issuing, ...at(issuer) }));
		await using(tlsServer({ cert, key: below.key }), async ({ port }) => {
			const save = sessionFile();
			const settings = { ca: trusted, saved: save };
			assertOpen(await connect(port, { ca: trusted, save }));
			assertOpen(await connect(port, { ...settings, time: time + 100 }), RESUMED_FLIGHTS);
			const late = await connect(port, { ...settings, time: time + 101 });
			assert.deepEqual([late.state, late.reason], ["failed", "certificate: has expired"], `${own} ${issuer} ${root}`);
			// A resumed session that is saved again has not become younger.
			assertOpen(await connect(port, { ...settings, save, time: time + 99 }), RESUMED_FLIGHTS);
			const later = await connect(port, { ...settings, time: time + 101 });
			assert.equal(later.reason, "certificate: has expired", `${own} ${issuer} ${root}`);
			const { time: _, ...without } = connection({ port, ...settings });
			assertOpen(await client.one(without), RESUMED_FLIGHTS);
		});
	}
});

test("A session of a broker with RSA of 4,096 bits finds room, one with a long certificate is not saved", async () => {
	const names = Array.from({ length: 200 }, (_, index) => `DNS:host${index}.broker.test`);
	const long = { extensions: [alternativeNames(`DNS:${HOST}`, ...names)] };
	for (const [what, { certificate: cert, key }, isSaved] of [
		["RSA", identity(keyPair("rsa4096", 5), { signer: authorityKey }), true],
		["long", identity(keyPair("P-256", 3), long), false],
	] as const) {
		await using(tlsServer({ cert, key }), async ({ port }) => {
			const outcome = await connect(port, { save: sessionFile() });
			assertOpen(outcome);
			assert.equal((outcome.saved ?? 0) > 0, isSaved, what);
		});
	}
});

test("A saved session of which any bit is changed, or a part is missing, is not used", async () => {
	await using(tlsServer(), async ({ port }) => {
		const save = sessionFile();
		const first = await connect(port, { save });
		const whole = readFileSync(save);
		assert.equal(first.saved, whole.length);
		const [fresh, resuming] = await client.run([connection({}), connection({ saved: save })]);
		assert.ok(resuming!.waiting > fresh!.waiting + 100, "the ticket makes its first message longer");
		const variants = [
			...Array.from(whole, (_, at) => changed(whole, at)),
			...Array.from(whole, (_, length) => whole.subarray(0, length)),
			Buffer.concat([whole, Buffer.of(0)]),
			Buffer.concat([whole, whole]),
			Buffer.alloc(whole.length),
			Buffer.alloc(4_096, 0xff),
		];
		const files = variants.map((bytes, index) => {
			const path = join(FOLDER, `variant-${index}.session`);
			writeFileSync(path, bytes);
			return path;
		});
		const outcomes = await client.run(files.map((saved) => connection({ saved })));
		outcomes.forEach(({ waiting, left, isWrong }, index) => {
			assert.deepEqual([waiting, left, isWrong], [fresh!.waiting, 0, false], `variant ${index} of ${whole.length}`);
		});
		const some = await client.run(
			files.filter((_, index) => index % 97 === 0).map((saved) => connection({ port, saved })),
		);
		for (const outcome of some) assertOpen(outcome);
	});
});

/** With another bit at each place. */
function changed(bytes: Buffer, at: number): Uint8Array {
	const copy = Buffer.from(bytes);
	copy[at]! ^= 1 << (at & 7);
	return copy;
}

/** Ends at any time */

test("A connection may be freed at every step, whatever it is doing", async () => {
	const rsa = identity(keyPair("rsa2048", 5));
	const asking = { requestCert: true, rejectUnauthorized: false };
	for (const [what, options] of Object.entries({
		"P-256": asking,
		rsa2048: { ...asking, cert: rsa.certificate, key: rsa.key },
	})) {
		await using(tlsServer(options), async ({ port }) => {
			const save = sessionFile();
			for (const settings of [{ save }, { saved: save }]) {
				const shape = { port, piece: 40, send: 100, ...station };
				const whole = await connect(port, { ...shape, ...settings });
				assert.equal(whole.state, "open", what);
				assert.ok(whole.events > 10, "there are many steps");
				const stops = Array.from({ length: whole.events }, (_, index) => index + 1);
				const { save: _, ...again } = { save: undefined, ...settings };
				const outcomes = await client.run(stops.map((stop) => connection({ ...shape, ...again, stop })));
				assert.deepEqual(new Set(outcomes.map(({ state }) => state)), new Set(["handshake", "open"]), what);
				for (const [index, { left, isWrong, reason }] of outcomes.entries()) {
					assert.deepEqual([left, isWrong, reason], [0, false, ""], `${what}, step ${index + 1}`);
				}
			}
		});
	}
});

test("A broker that sends a byte and waits keeps nobody: the handshake goes on until it is given up", async () => {
	await using(answering(Buffer.of(22), false), async ({ port }) => {
		// The first message, the byte, and the call that finds nothing to do with it.
		const outcome = await connect(port, { stop: 3 });
		assert.deepEqual(
			[outcome.state, outcome.reason, outcome.end, outcome.bytesIn, outcome.left],
			["handshake", "", "stopped", 1, 0],
		);
		const { state, end, left } = await connect(port, { deadline: 100 });
		assert.deepEqual([state, end, left], ["handshake", "deadline", 0]);
	});
});

test("A broker that sends nonsense in a handshake makes it fail, and not crash", async () => {
	const flights: Uint8Array[] = [];
	await using(tlsServer(), async ({ port }) => {
		const proxy = recording(port, flights);
		await using(proxy, async (running) => assertOpen(await connect(running.port)));
	});
	const flight = Buffer.concat(flights);
	const places = Array.from({ length: Math.min(flight.length, 700) }, (_, at) => at);
	let answer: Uint8Array = Buffer.alloc(0);
	const server = tcpServer((socket) => socket.once("data", () => socket.end(answer)));
	await using(server, async ({ port }) => {
		for (const at of places.filter((place) => place < 100 || place % 7 === 0)) {
			answer = changed(flight, at);
			const { state, left, isWrong, reason } = await connect(port);
			assert.deepEqual([state, left, isWrong, reason !== ""], ["failed", 0, false, true], `byte ${at}`);
		}
	});
});

/** Passes everything on, and keeps what the server has sent. */
function recording(port: number, flights: Uint8Array[]): Promise<Running> {
	return tcpServer((socket) => {
		const server = connectTcp(port, "127.0.0.1");
		server.on("error", () => socket.destroy());
		server.on("data", (bytes) => flights.push(bytes));
		server.pipe(socket);
		socket.pipe(server);
	});
}
