/** Who may ask the page's server: another site's page may not, and where there is a password, nobody without it. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";

/** Wrong passwords that an address may try in a row, and the time in ms after which it may try one more. */
const TRIES = 5;
const TRY_MS = 2_000;
/** Addresses whose wrong tries are remembered; beyond that the oldest one is forgotten. */
const ADDRESSES = 1_000;

/**
 * Whether a request's Host is one under which this server may be asked: an address, `localhost`, this computer's own name,
 * or the host at which it listens. By any other name a page from elsewhere could have led its own name here (DNS
 * rebinding), and would then read what this server says.
 */
export function isOurHost(host: string | undefined, listensAt: string): boolean {
	if (host === undefined) return false;
	const name = host
		.replace(/:\d+$/, "")
		.replace(/^\[(.*)\]$/, "$1")
		.toLowerCase();
	if (isIP(name) !== 0) return true;
	const own = hostname().toLowerCase();
	return ["localhost", listensAt.toLowerCase(), own, `${own}.local`].includes(name);
}

/** Whether a request that changes something comes from a page of ours, or from no page: every browser tells whose it is. */
export function isOurPage({ host, origin, "sec-fetch-site": site }: IncomingHttpHeaders): boolean {
	if (site !== undefined && site !== "same-origin" && site !== "none") return false;
	if (origin === undefined) return true;
	try {
		return new URL(origin).host === new URL(`http://${host}`).host;
	} catch {
		return false;
	}
}

interface Tries {
	wrong: number;
	/** Until when the last one counts, in ms of `now`. */
	until: number;
}

export type Verdict = "right" | "missing" | "wrong" | "too many";

/** HTTP Basic, with any user name. Whoever guesses gets ever fewer answers: an address has five tries, then one every two seconds. */
export class PasswordCheck {
	private readonly _wanted: Buffer;
	private readonly _tries = new Map<string, Tries>();

	constructor(password: string) {
		this._wanted = digest(password);
	}

	/** `now` is a monotonic time in ms. A password that is not looked at takes no try. */
	check(authorization: string | undefined, address: string, now: number): Verdict {
		const given = passwordOf(authorization);
		if (given === undefined) return "missing";
		const key = networkOf(address);
		const { wrong, until } = this._tries.get(key) ?? { wrong: 0, until: now };
		const left = Math.max(0, Math.ceil(wrong - Math.max(0, now - until) / TRY_MS));
		if (left >= TRIES) return "too many";
		if (timingSafeEqual(digest(given), this._wanted)) return "right";
		this._tries.delete(key);
		this._tries.set(key, { wrong: left + 1, until: now });
		if (this._tries.size > ADDRESSES) this._tries.delete(this._tries.keys().next().value!);
		return "wrong";
	}
}

/** In s: when an address that has tried too much may try again. */
export const RETRY_AFTER_S = TRY_MS / 1_000;

/** Of equal length, whatever the text's. */
function digest(text: string): Buffer {
	return createHash("sha256").update(text).digest();
}

function passwordOf(authorization: string | undefined): string | undefined {
	const [, encoded] = /^Basic +([\w+/=-]+) *$/i.exec(authorization ?? "") ?? [];
	if (encoded === undefined) return undefined;
	const decoded = Buffer.from(encoded, "base64").toString();
	const colon = decoded.indexOf(":");
	return colon < 0 ? undefined : decoded.slice(colon + 1);
}

/** Of IPv6 the first 64 bits, as all the others are one subscriber's own. */
function networkOf(address: string): string {
	if (isIP(address) !== 6 || address.startsWith("::ffff:")) return address;
	const [front = "", back] = address.split("::");
	const groups = front.split(":").filter((group) => group !== "");
	const missing = back === undefined ? 0 : 4 - groups.length;
	return [...groups, ...Array<string>(Math.max(0, missing)).fill("0")].slice(0, 4).join(":");
}
