/** The firmware's TLS client in C, built for this computer with Debian's Mbed TLS, against servers of a test's own. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compiled } from "./compiled.ts";

/** One connection to a port of this computer. The texts are in PEM. */
export interface Connection {
	/** None: it makes its first message, and is freed. */
	readonly port?: number;
	readonly host?: string;
	readonly ca?: string | undefined;
	readonly certificate?: string;
	readonly key?: string;
	readonly fingerprint?: string;
	readonly alpn?: string;
	/** Seconds since 1970; without it dates are not looked at. */
	readonly time?: number;
	/** Path of what an earlier connection has saved, and where this one saves to. */
	readonly saved?: string;
	readonly save?: string;
	/** Bytes that are read and written at once, at most. */
	readonly piece?: number;
	/** Bytes that are sent when it is open, and have to come back. */
	readonly send?: number;
	/** It stays open until the broker ends it. */
	readonly wait?: boolean;
	/** It is freed at this event; an event is a call that went on with the handshake, or bytes that arrived. */
	readonly stop?: number;
	/** It is given up after so many ms. */
	readonly deadline?: number;
}

export interface Outcome {
	/** Why `tlsOpen` gave no connection. */
	readonly problem?: string;
	readonly state: "handshake" | "open" | "closed" | "failed";
	readonly reason: string;
	/** What ended it but the connection's own end: TCP, `stop`, `deadline`, no port; "hangs" if nothing comes for a minute. */
	readonly end: "" | "ended" | "stopped" | "deadline" | "alone" | "hangs";
	/** How often the direction of the bytes changed until it was open. */
	readonly flights: number;
	/** Encrypted. */
	readonly bytesOut: number;
	readonly bytesIn: number;
	/** Decrypted. */
	readonly read: number;
	readonly events: number;
	/** Encrypted bytes that are not sent yet: without a port, those of its first message. */
	readonly waiting: number;
	/** It was open, and the broker has proved nothing. */
	readonly isResumed: boolean;
	/** Signatures that were checked, of certificates and of the broker's key for this connection. */
	readonly certificateChecks: number;
	readonly keyChecks: number;
	/** Bytes of heap: at the most, and of those at the end. */
	readonly peak: number;
	readonly left: number;
	/** The most that it wanted to be pushed. */
	readonly wanted: number;
	/** It has broken its contract, or the bytes came back changed. */
	readonly isWrong: boolean;
	/** Bytes that were saved, and by a second call. */
	readonly saved?: number;
	readonly savedAgain?: number;
}

const SOURCES = ["test/harness/tls-client.c", "hosts/moddable/tls/connection.c", "hosts/moddable/tls/trust.c"];
const COUNTED = ["malloc", "calloc", "realloc", "strdup", "free"];
const CHECKS = ["mbedtls_pk_verify", "mbedtls_pk_verify_ext", "mbedtls_pk_verify_restartable"];
/** Connections that one process makes, one behind the other. */
const SHARE = 200;

export class TlsClient {
	private readonly _folder: string;
	private readonly _program: string;
	private readonly _files = new Set<string>();

	/** Its files lie in the folder, which has to exist. */
	constructor(folder: string) {
		if (!existsSync("/usr/include/mbedtls/ssl.h")) {
			throw new Error("Mbed TLS is missing: apt-get install libmbedtls-dev");
		}
		this._folder = folder;
		const checks = ["-Wall", "-Wextra", "-Werror", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
		const wraps = [...COUNTED, ...CHECKS].map((name) => `-Wl,--wrap=${name}`);
		// Only what is linked statically has its calls put through.
		const libraries = ["-Wl,-Bstatic", "-lmbedtls", "-lmbedx509", "-lmbedcrypto", "-Wl,-Bdynamic"];
		this._program = compiled("tls-client", ["-std=gnu17", ...checks, ...SOURCES, ...wraps, ...libraries]);
	}

	/** The connections, one behind the other; their servers may be in this process. */
	async run(connections: readonly Connection[]): Promise<Outcome[]> {
		const outcomes: Outcome[] = [];
		for (let from = 0; from < connections.length; from += SHARE) {
			outcomes.push(...(await this._run(connections.slice(from, from + SHARE))));
		}
		return outcomes;
	}

	async one(connection: Connection): Promise<Outcome> {
		const [outcome] = await this.run([connection]);
		return outcome!;
	}

	private async _run(connections: readonly Connection[]): Promise<Outcome[]> {
		const child = spawn(this._program, { stdio: ["pipe", "pipe", "pipe"] });
		let output = "";
		let errors = "";
		child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
		child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
		// A program that has crashed reads no more.
		child.stdin.on("error", () => {});
		child.stdin.end(connections.map((connection) => this._lineOf(connection)).join(""));
		const code = await new Promise<unknown>((resolve) => {
			child.on("close", (status, signal) => resolve(status ?? signal));
		});
		const lines = output.split("\n").slice(0, -1);
		if (code !== 0 || errors !== "" || lines.length !== connections.length) {
			const at = this._lineOf(connections[lines.length] ?? {}).trim();
			throw new Error(`tls-client ended with ${code} after ${lines.length} of ${connections.length}, ${at}: ${errors}`);
		}
		return lines.map((line) => JSON.parse(line) as Outcome);
	}

	private _lineOf({ ca, certificate, key, wait, ...others }: Connection): string {
		const texts = Object.entries({ ca, certificate, key }).filter(([, text]) => text !== undefined);
		const pairs = [
			...texts.map(([name, text]) => [name, this._fileOf(text!)]),
			...(wait ? [["wait", 1]] : []),
			...Object.entries(others).filter(([, value]) => value !== undefined),
		];
		return `${pairs.map((pair) => pair.join("=")).join(" ")}\n`;
	}

	/** A text's file; equal texts have one. */
	private _fileOf(text: string): string {
		const path = join(this._folder, `${createHash("sha256").update(text).digest("hex").slice(0, 16)}.pem`);
		if (!this._files.has(path)) writeFileSync(path, text);
		this._files.add(path);
		return path;
	}
}
