/** The firmware's check of certificates held against OpenSSL's: both judge the same chains, of the same servers. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { createServer, type Server } from "node:tls";
import { connectTls, tlsReason } from "../../../hosts/node/tls.ts";
import { type Chain, chains } from "../../harness/certificate-chains.ts";
import { type Outcome, TlsClient } from "../../harness/tls-client.ts";
import { alternativeNames, basicConstraints, certificate, keyPair, pemOf } from "../../harness/x509.ts";
import { DIFFERENCES } from "./differences.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "veleta-tls-certificates-"));
const FEWEST_CHAINS = 200;
/** Signatures that a board checks in one handshake, the one of the broker's for this connection among them. */
const CHECKS_MAXIMUM = 8;

/** In words; "" if the broker is trusted. */
interface Verdicts {
	readonly board: string;
	readonly openssl: string;
	readonly outcome: Outcome;
}

const titleOf = ({ family, what }: Chain) => `${family}: ${what}`;
let client: TlsClient;
const verdicts = new Map<Chain, Verdicts>();

before(async () => {
	client = new TlsClient(FOLDER);
	const time = Math.floor(Date.now() / 1_000);
	const servers = await Promise.all(chains.map(listen));
	try {
		const ports = servers.map((server) => (server.address() as AddressInfo).port);
		const outcomes = client.run(
			chains.map(({ host, trusted }, index) => ({ port: ports[index]!, host, ca: pemOf(...trusted), time })),
		);
		for (const [index, chain] of chains.entries()) {
			const openssl = await opensslSays(chain, ports[index]!);
			const outcome = (await outcomes)[index]!;
			verdicts.set(chain, { board: boardSays(outcome), openssl, outcome });
		}
	} finally {
		for (const server of servers) server.close();
	}
});

after(() => rmSync(FOLDER, { recursive: true }));

async function listen({ chain, key }: Chain): Promise<Server> {
	const server = createServer({
		cert: pemOf(...chain),
		key: key.privateKey.export({ type: "pkcs8", format: "pem" }),
		// It sends whatever it is told to; the clients judge.
		ciphers: "DEFAULT:@SECLEVEL=0",
		// The C of this computer has no later one.
		maxVersion: "TLSv1.2",
	});
	server.on("tlsClientError", () => {});
	server.on("secureConnection", (socket) => {
		socket.on("error", () => {});
		socket.end();
	});
	await new Promise<void>((resolve) => server.listen(0, "::", resolve));
	return server;
}

/** In the words of the Node side. */
async function opensslSays({ trusted, host }: Chain, port: number): Promise<string> {
	// Node holds an address in the certificate against the one that it connects to.
	const address = isIP(host) ? {} : { address: "127.0.0.1" };
	const socket = connectTls({ ...address, host, port, ca: pemOf(...trusted) });
	try {
		return await new Promise((resolve) => {
			socket.on("secureConnect", () => resolve(""));
			socket.on("error", (error) => resolve(tlsReason(error) ?? error.message));
			socket.on("close", () => resolve("closed"));
		});
	} finally {
		socket.destroy();
	}
}

/** Without the code of Mbed TLS's behind it. */
function boardSays({ state, reason, problem, end }: Outcome): string {
	if (problem !== undefined) return problem;
	if (state === "open" || state === "closed") return "";
	return reason.replace(/ \(-0x[0-9a-f]{4}\)$/, "") || `${state}, ${end}`;
}

/** How the two differ, if they do, as the table has it. */
function differenceOf(chain: Chain) {
	const { board, openssl } = verdicts.get(chain)!;
	return DIFFERENCES.find(
		(difference) =>
			difference.board === board &&
			difference.openssl === openssl &&
			difference.of.some((beginning) => titleOf(chain).startsWith(beginning)),
	);
}

for (const family of new Set(chains.map((chain) => chain.family))) {
	const members = chains.filter((chain) => chain.family === family);

	test(`A board and OpenSSL judge alike, or differ for a reason: ${family}`, () => {
		const wrong = members.flatMap((chain) => {
			const { board, openssl, outcome } = verdicts.get(chain)!;
			if (outcome.isWrong) return [`${titleOf(chain)}: the contract is broken`];
			if (board === openssl || differenceOf(chain)) return [];
			return [`${titleOf(chain)}: a board says "${board}", OpenSSL "${openssl}"`];
		});
		assert.deepEqual(wrong, []);
	});

	test(`No broker makes a board check more than ${CHECKS_MAXIMUM} signatures: ${family}`, () => {
		const checksOf = ({ certificateChecks, keyChecks }: Outcome) => certificateChecks + keyChecks;
		const figures = members.map((chain) => [titleOf(chain), checksOf(verdicts.get(chain)!.outcome)] as const);
		const most = Math.max(...figures.map(([, checks]) => checks));
		assert.ok(most <= CHECKS_MAXIMUM, figures.filter(([, checks]) => checks === most).join("; "));
	});

	test(`All memory is given back: ${family}`, () => {
		const kept = members.filter((chain) => verdicts.get(chain)!.outcome.left !== 0).map(titleOf);
		assert.deepEqual(kept, []);
	});
}

test("There are many chains, each under a name of its own", () => {
	assert.ok(chains.length >= FEWEST_CHAINS);
	assert.equal(new Set(chains.map(titleOf)).size, chains.length);
});

test("The table of differences has none that is not found any more", () => {
	const differing = chains.filter((chain) => verdicts.get(chain)!.board !== verdicts.get(chain)!.openssl);
	const stale = DIFFERENCES.flatMap((difference) =>
		difference.of.filter(
			(beginning) =>
				!differing.some((chain) => titleOf(chain).startsWith(beginning) && differenceOf(chain) === difference),
		),
	);
	assert.deepEqual(stale, []);
});

test("Some are trusted, and some are refused for each reason", () => {
	const reasons = new Set([...verdicts.values()].map(({ board }) => board));
	for (const reason of REASONS) assert.ok(reasons.has(reason), reason);
});

test("A certificate is valid from its first second to its last, by the board's own clock, whatever this computer's says", async () => {
	const from = new Date("2031-03-01T00:00:00Z");
	const to = new Date("2032-02-29T23:59:59Z");
	const first = from.getTime() / 1_000;
	const last = to.getTime() / 1_000;
	const expected: readonly (readonly [time: number | undefined, reason: string])[] = [
		[first - 1, "certificate: is not valid yet"],
		[first, ""],
		[last, ""],
		[last + 1, "certificate: has expired"],
		// The clock is not set.
		[undefined, ""],
	];
	const always = { from: new Date("2000-01-01T00:00:00Z"), to: new Date("2049-01-01T00:00:00Z") };
	const [rootKey, issuerKey, key] = [keyPair("P-256", 1), keyPair("P-256", 2), keyPair("P-256", 3)];
	const extensions = [basicConstraints(true)];
	for (const limited of ["root", "issuer", "own"]) {
		const period = (whose: string) => (whose === limited ? { from, to } : always);
		const root = certificate({ subject: "root", key: rootKey, extensions, ...period("root") });
		const issuer = certificate({
			...{ subject: "issuer", issuer: "root", key: issuerKey, signer: rootKey, extensions },
			...period("issuer"),
		});
		const own = certificate({
			...{ issuer: "issuer", key, signer: issuerKey, extensions: [alternativeNames("DNS:localhost")] },
			...period("own"),
		});
		const chain = { family: "", what: limited, chain: [own, issuer], key, trusted: [root], host: "localhost" };
		const server = await listen(chain);
		const { port } = server.address() as AddressInfo;
		const outcomes = await client.run(
			expected.map(([time]) => ({ port, host: "localhost", ca: pemOf(root), ...(time === undefined ? {} : { time }) })),
		);
		server.close();
		assert.deepEqual(
			outcomes.map(boardSays),
			expected.map(([, reason]) => reason),
			limited,
		);
	}
});

/** All that a board can say of certificates. */
const REASONS = [
	"",
	"certificate: host name does not match",
	"certificate: it, or one of its issuers, is not meant for this",
	"certificate: no trusted authority has issued it (tls.ca)",
	"certificate: one of its issuers is no authority",
	"certificate: has too many issuers",
	"certificate: has a restriction that is not known here",
	"certificate: it, or one of its issuers, has a key or a signature that is too weak",
	"certificate: is not valid yet",
	"certificate: has expired",
	"certificate: cannot be read here",
];
