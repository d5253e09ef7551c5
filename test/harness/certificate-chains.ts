/** Certificate chains, good ones and bad ones, by families: what clients are asked to judge. */
import {
	alternativeNames,
	authorityKeyIdentifier,
	basicConstraints,
	COMMON_NAME,
	certificate,
	der,
	extendedKeyUsage,
	extension,
	type Hash,
	type Issue,
	inDays,
	type KeyPair,
	keyPair,
	keyUsage,
	type Name,
	nameConstraints,
	ORGANIZATION,
	octets,
	type PURPOSE,
	subjectKeyIdentifier,
	type Time,
	type USAGE,
} from "./x509.ts";

/** A broker's certificates, and what a client knows. */
export interface Chain {
	readonly family: string;
	readonly what: string;
	/** In DER; the broker's own first. */
	readonly chain: readonly Buffer[];
	readonly key: KeyPair;
	readonly trusted: readonly Buffer[];
	readonly host: string;
}

const corpus: Chain[] = [];
export const chains: readonly Chain[] = corpus;

/** An authority, and what it issues with. */
interface Authority {
	readonly name: Name;
	readonly key: KeyPair;
	readonly der: Buffer;
}

let count = 0;
/** The keys of authorities have numbers, so that no two are the same by accident. */
const nextKey = () => keyPair("P-256", ++count % 64);
const OWN_KEY = keyPair("P-256", 1_000);

type AuthorityOptions = Partial<Omit<Issue, "subject" | "issuer">> & { readonly pathLength?: number };

function authority(name: Name, options: AuthorityOptions = {}, issuer?: Authority): Authority {
	const { key = nextKey(), pathLength, extensions = [basicConstraints(true, pathLength)], ...others } = options;
	const by = issuer ? { issuer: issuer.name, signer: issuer.key } : {};
	return { name, key, der: certificate({ subject: name, key, extensions, ...by, ...others }) };
}

/** Those that the first has issued, each the next one; the last has issued what is the broker's. */
function authoritiesBelow(root: Authority, number: number, options: AuthorityOptions = {}): Authority[] {
	const all: Authority[] = [];
	for (let index = 1; index <= number; index++) {
		all.push(authority(`authority ${index}`, options, all.at(-1) ?? root));
	}
	return all;
}

type OwnOptions = Partial<Omit<Issue, "issuer">> & {
	readonly names?: readonly string[];
	readonly more?: readonly Buffer[];
};

/** The broker's certificate. */
function own(issuer: Authority | undefined, options: OwnOptions = {}): Buffer {
	const { names = ["DNS:localhost", "IP:7f000001"], more = [], key = OWN_KEY, ...others } = options;
	const extensions = [basicConstraints(false), ...(names.length > 0 ? [alternativeNames(...names)] : []), ...more];
	const by = issuer ? { issuer: issuer.name, signer: issuer.key } : {};
	return certificate({ key, extensions, ...by, ...others });
}

function add(
	family: string,
	what: string,
	chain: readonly Buffer[],
	trusted: readonly (Buffer | Authority)[],
	{ key = OWN_KEY, host = "localhost" }: { readonly key?: KeyPair; readonly host?: string } = {},
): void {
	const ders = trusted.map((one) => (Buffer.isBuffer(one) ? one : one.der));
	corpus.push({ family, what, chain, key, trusted: ders, host });
}

const dersOf = (...authorities: readonly Authority[]) => authorities.map((one) => one.der);

const root = authority("root", { key: keyPair("P-256", 2_000) });
const stranger = authority("stranger", { key: keyPair("P-256", 2_001) });

{
	const family = "plain";
	const rsa = authority("root", { key: keyPair("rsa2048") });
	const p384 = authority("root", { key: keyPair("P-384") });
	add(family, "one of the authority's", [own(root)], [root]);
	add(family, "by its address", [own(root)], [root], { host: "127.0.0.1" });
	add(family, "with the authority behind it", [own(root), root.der], [root]);
	add(family, "of an authority with RSA", [own(rsa)], [rsa]);
	add(family, "with RSA, of an authority with RSA", [own(rsa, { key: keyPair("rsa2048", 1) })], [rsa], {
		key: keyPair("rsa2048", 1),
	});
	add(family, "with RSA, of an authority with P-256", [own(root, { key: keyPair("rsa2048", 1) })], [root], {
		key: keyPair("rsa2048", 1),
	});
	add(family, "of an authority with P-384", [own(p384, { hash: "sha384" })], [p384]);
	add(family, "the authority is the second of two", [own(root)], [stranger, root]);
	add(family, "of nobody that is trusted", [own(stranger)], [root]);
	add(family, "of nobody that is trusted, with its authority", [own(stranger), stranger.der], [root]);
	add(family, "of one with the authority's name", [own(authority("root"))], [root]);
	add(family, "a stranger's, with one of the authority's behind it", [own(stranger), own(root), root.der], [root]);
	const [intermediate] = authoritiesBelow(root, 1, { key: keyPair("P-384", 1) });
	add(family, "of an intermediate authority with P-384", [own(intermediate), intermediate!.der], [root]);
}

{
	const family = "intermediates";
	for (let number = 1; number <= 10; number++) {
		const all = authoritiesBelow(root, number);
		const chain = [own(all.at(-1)), ...dersOf(...all).reverse()];
		add(family, `${number}, in order`, chain, [root]);
		add(family, `${number}, with the root`, [...chain, root.der], [root]);
		if (number === 1) continue;
		add(family, `${number}, the other way round`, [chain[0]!, ...chain.slice(1).reverse()], [root]);
		if (number > 6) continue;
		add(family, `${number}, the first two changed`, [chain[0]!, chain[2]!, chain[1]!, ...chain.slice(3)], [root]);
		add(family, `${number}, the last is missing`, chain.slice(0, -1), [root]);
		add(family, `${number}, the first is missing`, [chain[0]!, ...chain.slice(2)], [root]);
	}
	for (let number = 1; number <= 4; number++) {
		const all = authoritiesBelow(root, number);
		const chain = [own(all.at(-1)), ...dersOf(...all).reverse()];
		const unrelated = authoritiesBelow(stranger, 5).map((one, index) => authority(`other ${index}`, {}, one).der);
		add(
			family,
			`${number}, unrelated ones between`,
			chain.flatMap((one, index) => [one, unrelated[index]!]),
			[root],
		);
		add(family, `${number}, twice`, [...chain, ...chain.slice(1)], [root]);
		add(family, `${number}, each twice`, [chain[0]!, ...chain.slice(1).flatMap((one) => [one, one])], [root]);
		add(family, `${number}, and all of them are trusted`, chain, [root, ...all]);
	}
	const [one] = authoritiesBelow(root, 1);
	add(family, "the same name, another key before it", [own(one), authority(one!.name, {}, root).der, one!.der], [root]);
	add(family, "the same name, another key behind it", [own(one), one!.der, authority(one!.name, {}, root).der], [root]);
	add(family, "the broker's own twice", [own(one), own(one), one!.der], [root]);
}

{
	const family = "cross-signed";
	const second = authority("second root", { key: keyPair("P-256", 2_002) });
	const key = nextKey();
	for (const expired of ["neither", "the first's", "the second's"]) {
		const to = (which: string) => (expired === which ? { to: inDays(-0.5) } : {});
		const byFirst = authority("crossed", { key, ...to("the first's") }, root);
		const bySecond = authority("crossed", { key, ...to("the second's") }, second);
		const orders = { "the first's first": [byFirst, bySecond], "the second's first": [bySecond, byFirst] };
		for (const [order, both] of Object.entries(orders)) {
			for (const [who, trusted] of Object.entries({ first: [root], second: [second], both: [root, second] })) {
				const what = `${order}, trusted: ${who}, expired: ${expired}`;
				add(family, what, [own(byFirst), ...dersOf(...both)], trusted);
			}
		}
	}
	// The new root is trusted by some only; for others it has a certificate of the old root's.
	const newRoot = authority("new root", { key: keyPair("P-256", 2_003) });
	const crossed = authority("new root", { key: newRoot.key }, root);
	const between = authority("between", {}, newRoot);
	const chain = [own(between), between.der, crossed.der];
	add(family, "a root by an older one: the older one is trusted", chain, [root]);
	add(family, "a root by an older one: the new one is trusted", chain, [newRoot]);
	add(family, "a root by an older one: both are trusted", chain, [root, newRoot]);
	add(family, "a root by an older one that has expired: the new one is trusted", chain, [
		newRoot,
		authority("root", { key: root.key, to: inDays(-0.5) }),
	]);
	add(family, "a root by an older one that has expired: it is trusted only", chain, [
		authority("root", { key: root.key, to: inDays(-0.5) }),
	]);
	// A and B have certified each other.
	const aKey = nextKey();
	const bKey = nextKey();
	const a = { name: "A", key: aKey } as Authority;
	const b = { name: "B", key: bKey } as Authority;
	const aByB = authority("A", { key: aKey }, b);
	const bByA = authority("B", { key: bKey }, a);
	add(family, "two have certified each other, and nobody else", [own(aByB), aByB.der, bByA.der], [root]);
	const aByRoot = authority("A", { key: aKey }, root);
	add(family, "two have certified each other, and the root one", [own(bByA), bByA.der, aByB.der, aByRoot.der], [root]);
	add(family, "two have certified each other, the root first", [own(bByA), aByRoot.der, bByA.der, aByB.der], [root]);
}

{
	const family = "renewed";
	const key = nextKey();
	const old = authority("renewed", { key, from: inDays(-9), to: inDays(-1) });
	const renewed = authority("renewed", { key });
	const future = authority("renewed", { key, from: inDays(1), to: inDays(9) });
	add(family, "the old and the new one", [own(renewed)], [old, renewed]);
	add(family, "the new and the old one", [own(renewed)], [renewed, old]);
	add(family, "the old one only", [own(renewed)], [old]);
	add(family, "the old one, and the broker sends the new one", [own(renewed), renewed.der], [old]);
	add(family, "the new one, and the broker sends the old one", [own(renewed), old.der], [renewed]);
	add(family, "the next one and the new one", [own(renewed)], [future, renewed]);
	add(family, "the next one only", [own(renewed)], [future]);
	add(family, "three with one key", [own(renewed)], [old, future, renewed]);
	for (const named of [false, true]) {
		const words = named ? ", named by its key" : "";
		const first = nextKey();
		const second = nextKey();
		const one = authority("another", {
			key: first,
			extensions: [basicConstraints(true), ...(named ? [subjectKeyIdentifier("first")] : [])],
		});
		const other = authority("another", {
			key: second,
			extensions: [basicConstraints(true), ...(named ? [subjectKeyIdentifier("second")] : [])],
		});
		const of = (which: string) => (named ? { more: [authorityKeyIdentifier(which)] } : {});
		add(family, `another key, by the first${words}`, [own(one, of("first"))], [one, other]);
		add(family, `another key, by the second${words}`, [own(other, of("second"))], [one, other]);
		add(family, `another key, by the first, which is not trusted${words}`, [own(one, of("first"))], [other]);
		add(family, `another key, by the first, which the broker sends${words}`, [own(one, of("first")), one.der], [other]);
	}
	add(
		family,
		"a key identifier of another key",
		[own(root, { more: [authorityKeyIdentifier("none")] })],
		[
			certificate({
				subject: "root",
				key: root.key,
				extensions: [basicConstraints(true), subjectKeyIdentifier("another")],
			}),
		],
	);
	for (const number of [2, 7, 8, 16]) {
		const many = Array.from({ length: number }, (_, index) =>
			authority("of one name", {
				key: keyPair("P-256", 3_000 + index),
				extensions: [basicConstraints(true), subjectKeyIdentifier(`key ${index}`)],
			}),
		);
		for (const index of new Set([0, 6, number - 1].filter((at) => at < number))) {
			const named = { more: [authorityKeyIdentifier(`key ${index}`)] };
			const what = `${number} authorities of one name, by number ${index}`;
			add(family, what, [own(many[index])], many);
			add(family, `${what}, named by its key`, [own(many[index], named)], many);
		}
		add(family, `${number} authorities of one name, by none`, [own(authority("of one name"))], many);
	}
}

{
	const family = "issued itself";
	const self = own(undefined);
	add(family, "not trusted", [self], [root]);
	add(family, "trusted", [self], [self]);
	const asAuthority = certificate({
		key: OWN_KEY,
		extensions: [basicConstraints(true), alternativeNames("DNS:localhost")],
	});
	add(family, "trusted, and an authority", [asAuthority], [asAuthority]);
	add(family, "not trusted, and an authority", [asAuthority], [root]);
	const cannotSign = own(undefined, { more: [keyUsage(["digitalSignature"])] });
	add(family, "trusted, and its key may not sign certificates", [cannotSign], [cannotSign]);
	const expired = own(undefined, { to: inDays(-0.5) });
	add(family, "trusted, and expired", [expired], [expired]);
	const future = own(undefined, { from: inDays(1) });
	add(family, "trusted, and not valid yet", [future], [future]);
	const other = own(undefined, { names: ["DNS:other.test"] });
	add(family, "trusted, for another host", [other], [other]);
	const forClients = own(undefined, { more: [extendedKeyUsage(["client"])] });
	add(family, "trusted, for clients", [forClients], [forClients]);
	add(family, "trusted, with another behind it", [self, stranger.der], [self]);
	const renewed = own(undefined, { to: inDays(5) });
	add(family, "trusted: another one with its key", [renewed], [self]);
	const damaged = own(undefined, { isDamaged: true });
	add(family, "trusted, with a damaged signature", [damaged], [damaged]);
	const v1 = certificate({ key: OWN_KEY, version: 1 });
	add(family, "trusted, version 1", [v1], [v1]);
}

{
	const family = "trusted on the way";
	const leaf = own(stranger);
	add(family, "the broker's own, without its issuer", [leaf], [leaf]);
	add(
		family,
		"the broker's own, which has expired",
		[own(stranger, { to: inDays(-0.5) })],
		[own(stranger, { to: inDays(-0.5) })],
	);
	const expired = own(stranger, { to: inDays(-0.5) });
	add(family, "the very certificate, which has expired", [expired], [expired]);
	add(family, "the broker's own, for another host", [leaf], [leaf], { host: "other.test" });
	const [one, two] = authoritiesBelow(stranger, 2);
	add(family, "the nearest issuer", [own(two), two!.der, one!.der], [two!]);
	add(family, "an issuer farther away", [own(two), two!.der, one!.der], [one!]);
	add(family, "the nearest issuer, which is not sent", [own(two)], [two!]);
	add(family, "the nearest issuer, and the root", [own(two), two!.der, one!.der], [two!, stranger]);
}

{
	const family = "name constraints";
	const rules: Record<string, Parameters<typeof nameConstraints>[0]> = {
		"permitted: the host": { permitted: ["DNS:localhost", "IP:7f000000ff000000"] },
		"permitted: another one": { permitted: ["DNS:other.test"] },
		"excluded: the host": { excluded: ["DNS:localhost"] },
		"excluded: another one": { excluded: ["DNS:other.test"] },
		"permitted: another address": { permitted: ["IP:0a000000ff000000"] },
		"excluded: the address": { excluded: ["IP:7f000000ff000000"] },
		"permitted: e-mail of another host": { permitted: ["email:other.test"] },
	};
	for (const [what, rule] of Object.entries(rules)) {
		for (const isCritical of [true, false]) {
			const extensions = [basicConstraints(true), nameConstraints(rule, isCritical)];
			const between = authority("constrained", { extensions }, root);
			const words = isCritical ? ", critical" : "";
			add(family, `${what}${words}`, [own(between), between.der], [root]);
			const constrainedRoot = authority("constrained root", { extensions });
			add(family, `${what}${words}, of the root`, [own(constrainedRoot)], [constrainedRoot]);
		}
	}
	const own2 = own(root, { more: [nameConstraints({ permitted: ["DNS:other.test"] })] });
	add(family, "of the broker's own certificate", [own2], [root]);
}

{
	const family = "path length";
	for (const at of [0, 1, 2]) {
		for (const number of [0, 1, 2, 3]) {
			const limited = authority("limited root", { pathLength: at });
			const all = authoritiesBelow(limited, number);
			const chain = [own(all.at(-1) ?? limited), ...dersOf(...all).reverse()];
			add(family, `${at} at the root, ${number} below`, chain, [limited]);
			const middle = authority("limited", { pathLength: at }, root);
			const below = authoritiesBelow(middle, number);
			const middleChain = [own(below.at(-1) ?? middle), ...dersOf(...below).reverse(), middle.der];
			add(family, `${at} at an issuer, ${number} below`, middleChain, [root]);
		}
	}
	// One that changes its key certifies itself: that does not count (RFC 5280, section 6.1.4 (l)).
	const limited = authority("limited root", { pathLength: 0 });
	const newKey = authority("limited root", { pathLength: 0 }, limited);
	add(family, "0, and one that has issued itself", [own(newKey), newKey.der], [limited]);
	const middle = authority("limited", { pathLength: 0 }, root);
	const middleNew = authority("limited", { pathLength: 0 }, middle);
	add(family, "0 at an issuer, and one that has issued itself", [own(middleNew), middleNew.der, middle.der], [root]);
	const below = authority("below", {}, middleNew);
	add(
		family,
		"0 at an issuer, one that has issued itself, and one more",
		[own(below), below.der, middleNew.der, middle.der],
		[root],
	);
	for (const pathLength of [0, 1, undefined]) {
		const named = (key: string, by = key) => [
			basicConstraints(true, pathLength),
			subjectKeyIdentifier(key),
			authorityKeyIdentifier(by),
		];
		const old = authority("limited root", { extensions: named("old") });
		const changed = authority("limited root", { extensions: named("new", "old") }, old);
		const byChanged = [own(changed, { more: [authorityKeyIdentifier("new")] }), changed.der];
		add(family, `${pathLength ?? "any"}, and one that has issued itself, named by its key`, byChanged, [old]);
	}
	// A way that is too long, and in the same certificates one that is not.
	const top = authority("top", { pathLength: 1 }, root);
	const upper = authority("upper", {}, top);
	const lower = authority("lower", {}, upper);
	const lowerByTop = authority("lower", { key: lower.key }, top);
	const both = { "the long way first": [lower, lowerByTop], "the short way first": [lowerByTop, lower] };
	for (const [order, two] of Object.entries(both)) {
		add(family, `two ways, ${order}`, [own(lower), ...dersOf(...two, upper, top)], [root]);
		const higher = authority("higher", { pathLength: 2 });
		const highest = authority("top", { key: top.key }, higher);
		add(family, `two ways, ${order}, to a limited root`, [own(lower), ...dersOf(...two, upper, highest)], [higher]);
	}
	const noAuthority = [basicConstraints(false, 0)];
	add(
		family,
		"0 of one that is no authority",
		[own(root, { extensions: [...noAuthority, alternativeNames("DNS:localhost")] })],
		[root],
	);
}

{
	const family = "key usage";
	type Usages = readonly (keyof typeof USAGE)[];
	const usages: Usages[] = [
		[],
		["digitalSignature"],
		["keyEncipherment"],
		["keyAgreement"],
		["nonRepudiation"],
		["keyCertSign"],
		["digitalSignature", "keyEncipherment"],
		["digitalSignature", "keyAgreement"],
		["keyEncipherment", "keyAgreement"],
	];
	for (const usage of usages) {
		const what = usage.join(" and ") || "nothing";
		add(family, `the broker's: ${what}`, [own(root, { more: [keyUsage(usage)] })], [root]);
		const key = keyPair("rsa2048", 1);
		add(family, `the broker's, with RSA: ${what}`, [own(root, { key, more: [keyUsage(usage)] })], [root], { key });
	}
	const signing: Usages[] = [["keyCertSign"], ["keyCertSign", "cRLSign"], ["cRLSign"], ["digitalSignature"], []];
	for (const usage of signing) {
		const what = usage.join(" and ") || "nothing";
		const extensions = [basicConstraints(true), keyUsage(usage)];
		const between = authority("between", { extensions }, root);
		add(family, `an issuer's: ${what}`, [own(between), between.der], [root]);
		const limited = authority("limited root", { extensions });
		add(family, `the root's: ${what}`, [own(limited)], [limited]);
	}
}

{
	const family = "extended key usage";
	type Purposes = readonly (keyof typeof PURPOSE)[];
	const all: Purposes[] = [
		["server"],
		["client"],
		["any"],
		["code"],
		["server", "client"],
		["client", "server"],
		["client", "any"],
		["client", "code"],
	];
	for (const purposes of all) {
		for (const isCritical of [false, true]) {
			const what = `${purposes.join(" and ")}${isCritical ? ", critical" : ""}`;
			const usage = extendedKeyUsage(purposes, isCritical);
			add(family, `the broker's: ${what}`, [own(root, { more: [usage] })], [root]);
			const extensions = [basicConstraints(true), usage];
			const between = authority("between", { extensions }, root);
			add(family, `an issuer's: ${what}`, [own(between), between.der], [root]);
			const limited = authority("limited root", { extensions });
			add(family, `the root's: ${what}`, [own(limited)], [limited]);
		}
	}
}

{
	const family = "basic constraints";
	const kinds: Record<string, AuthorityOptions> = {
		"not critical": { extensions: [basicConstraints(true, undefined, false)] },
		"no authority": { extensions: [basicConstraints(false)] },
		"no authority, not critical": { extensions: [basicConstraints(false, undefined, false)] },
		missing: { extensions: [subjectKeyIdentifier("a key")] },
		"missing, but its key may sign": { extensions: [keyUsage(["keyCertSign"])] },
		"missing, and its key may not sign": { extensions: [keyUsage(["digitalSignature"])] },
		"no authority, but its key may sign": { extensions: [basicConstraints(false), keyUsage(["keyCertSign"])] },
		"no extensions": { extensions: [] },
		"version 1": { version: 1 },
	};
	for (const [what, options] of Object.entries(kinds)) {
		const between = authority("between", options, root);
		add(family, `an issuer's: ${what}`, [own(between), between.der], [root]);
		const anchor = authority("anchor", options);
		add(family, `the root's: ${what}`, [own(anchor)], [anchor]);
		add(family, `the root's, which is sent: ${what}`, [own(anchor), anchor.der], [anchor]);
		const trusted = authority("between", options, stranger);
		add(family, `an issuer's that is trusted: ${what}`, [own(trusted), trusted.der], [trusted, stranger]);
	}
	const isAuthority = own(root, { extensions: [basicConstraints(true), alternativeNames("DNS:localhost")] });
	add(family, "the broker's own is an authority", [isAuthority], [root]);
	add(
		family,
		"the broker's own says nothing",
		[own(root, { extensions: [alternativeNames("DNS:localhost")] })],
		[root],
	);
	add(family, "the broker's own is of version 1", [own(root, { version: 1 })], [root]);
}

{
	const family = "unknown extension";
	for (const isCritical of [true, false]) {
		const unknown = extension("1.3.6.1.4.1.55555.1", der(0x05), isCritical);
		const words = isCritical ? "critical" : "not critical";
		add(family, `the broker's, ${words}`, [own(root, { more: [unknown] })], [root]);
		const extensions = [basicConstraints(true), unknown];
		const between = authority("between", { extensions }, root);
		add(family, `an issuer's, ${words}`, [own(between), between.der], [root]);
		const limited = authority("limited root", { extensions });
		add(family, `the root's, ${words}`, [own(limited)], [limited]);
		const unrelated = authority("unrelated", { extensions }, stranger);
		add(family, `one's that does not belong there, ${words}`, [own(root), unrelated.der], [root]);
	}
	// id-ce-certificatePolicies, which Mbed TLS knows, and id-ce-inhibitAnyPolicy, which it does not.
	const policies = (isCritical: boolean) =>
		extension("2.5.29.32", der(0x30, der(0x30, Buffer.from("06042a030405", "hex"))), isCritical);
	add(family, "policies", [own(root, { more: [policies(false)] })], [root]);
	add(family, "policies, critical", [own(root, { more: [policies(true)] })], [root]);
	const inhibit = extension("2.5.29.54", der(0x02, Buffer.of(0)), true);
	const between = authority("between", { extensions: [basicConstraints(true), inhibit] }, root);
	add(family, "an issuer's, about policies, critical", [own(between), between.der], [root]);
	add(family, "twice the same", [own(root, { more: [basicConstraints(false)] })], [root]);
}

{
	const family = "dates";
	const periods: Record<string, { readonly from?: Date | Time; readonly to?: Date | Time }> = {
		"not yet": { from: inDays(1) },
		"an hour to go": { from: inDays(1 / 24) },
		"for an hour": { from: inDays(-1 / 24) },
		expired: { to: inDays(-0.5) },
		"expired an hour ago": { to: inDays(-1 / 24) },
		"until the end of 2049": { to: new Date("2049-12-31T23:59:59Z") },
		"until the beginning of 2050": { to: new Date("2050-01-01T00:00:00Z") },
		"until 2050, with two digits": { to: { tag: 0x17, text: "500101000000Z" } },
		"without an end": { to: new Date("9999-12-31T23:59:59Z") },
		"from 1950": { from: { tag: 0x17, text: "500101000000Z" } },
		"with four digits": { to: { tag: 0x18, text: "20480101000000Z" } },
		"it ends before it begins": { from: inDays(1), to: inDays(-0.5) },
		"on the leap day": { from: new Date("2024-02-29T12:00:00Z"), to: new Date("2048-02-29T12:00:00Z") },
		"without seconds": { to: { tag: 0x17, text: "4801010000Z" } },
		"with a zone": { to: { tag: 0x17, text: "480101000000+0100" } },
		"no date": { to: { tag: 0x17, text: "481301000000Z" } },
	};
	for (const [what, period] of Object.entries(periods)) {
		add(family, `the broker's: ${what}`, [own(root, period)], [root]);
		const between = authority("between", period, root);
		add(family, `an issuer's: ${what}`, [own(between), between.der], [root]);
		const limited = authority("limited root", period);
		add(family, `the root's: ${what}`, [own(limited)], [limited]);
	}
}

{
	const family = "names";
	const named = (what: string, host: string, names: readonly string[], subject: Name = "other.test") =>
		add(family, what, [own(root, { names, subject })], [root], { host });
	named("exactly", "broker.test", ["DNS:broker.test"]);
	named("another", "broker.test", ["DNS:other.test"]);
	named("the second", "broker.test", ["DNS:other.test", "DNS:broker.test"]);
	named("capitals in the certificate", "broker.test", ["DNS:BROKER.Test"]);
	named("capitals in the settings", "BROKER.Test", ["DNS:broker.test"]);
	named("a longer one", "broker.test", ["DNS:broker.test.example"]);
	named("a shorter one", "broker.test", ["DNS:roker.test"]);
	named("a part", "a.broker.test", ["DNS:broker.test"]);
	named("a wildcard", "a.broker.test", ["DNS:*.broker.test"]);
	named("a wildcard in capitals", "A.broker.test", ["DNS:*.BROKER.test"]);
	named("a wildcard for two labels", "a.b.broker.test", ["DNS:*.broker.test"]);
	named("a wildcard for no label", "broker.test", ["DNS:*.broker.test"]);
	named("a wildcard for a top-level domain", "broker.test", ["DNS:*.test"]);
	named("a wildcard alone", "localhost", ["DNS:*"]);
	named("a wildcard alone, for two labels", "broker.test", ["DNS:*"]);
	named("a wildcard in the second label", "a.b.broker.test", ["DNS:a.*.broker.test"]);
	named("two wildcards", "a.b.broker.test", ["DNS:*.*.broker.test"]);
	named("a part of a label, at its beginning", "station.broker.test", ["DNS:*tion.broker.test"]);
	named("a part of a label, at its end", "station.broker.test", ["DNS:sta*.broker.test"]);
	named("a part of a label, in the middle", "station.broker.test", ["DNS:st*on.broker.test"]);
	named("a part of an A-label", "xn--caf-dma.broker.test", ["DNS:xn--*.broker.test"]);
	named("a wildcard for an A-label", "xn--caf-dma.broker.test", ["DNS:*.broker.test"]);
	named("an A-label", "xn--caf-dma.test", ["DNS:xn--caf-dma.test"]);
	named("a dot at the end in the settings", "broker.test.", ["DNS:broker.test"]);
	named("a dot at the end in the certificate", "broker.test", ["DNS:broker.test."]);
	named("a dot at both ends", "broker.test.", ["DNS:broker.test."]);
	named("a dot at the beginning", "a.broker.test", ["DNS:.broker.test"]);
	named("an empty one", "broker.test", ["DNS:"]);
	named("an underscore", "my_broker.test", ["DNS:my_broker.test"]);
	named("the common name only", "broker.test", [], "broker.test");
	named("the common name only, another", "broker.test", [], "other.test");
	named("the common name only, in capitals", "broker.test", [], "BROKER.test");
	named("the common name only, a wildcard", "a.broker.test", [], "*.broker.test");
	named("the common name, though there are others", "broker.test", ["DNS:other.test"], "broker.test");
	named("the common name, with an e-mail address", "broker.test", ["email:a@b.test"], "broker.test");
	named("the common name, with a URI", "broker.test", ["URI:mqtts://broker.test"], "broker.test");
	named("the common name, with an IP address", "broker.test", ["IP:7f000001"], "broker.test");
	named("a URI only", "broker.test", ["URI:mqtts://broker.test"]);
	named("an e-mail address only", "broker.test", ["email:broker.test"]);
	named(
		"two common names, the last",
		"broker.test",
		[],
		[
			[COMMON_NAME, "other.test"],
			[COMMON_NAME, "broker.test"],
		],
	);
	named(
		"two common names, the first",
		"broker.test",
		[],
		[
			[COMMON_NAME, "broker.test"],
			[COMMON_NAME, "other.test"],
		],
	);
	named("an organization of that name", "broker.test", [], [[ORGANIZATION, "broker.test"]]);
	named("no subject", "broker.test", ["DNS:broker.test"], []);
	named("no subject and no names", "broker.test", [], []);
	named("a zero in it", "broker.test", ["DNS:broker.test\0.evil.test"]);
	named("a zero at its end", "broker.test", ["DNS:broker.test\0"]);
	named("a zero in the common name", "broker.test", [], "broker.test\0.evil.test");
	named("a comma and a second name in it", "broker.test", ["DNS:other.test, DNS:broker.test"]);
	named("letters beyond ASCII", "broker.test", ["DNS:bröker.test", "DNS:broker.test"]);
	const many = Array.from({ length: 100 }, (_, index) => `DNS:host${index}.test`);
	named("the first of a hundred", "host0.test", many);
	named("the last of a hundred", "host99.test", many);
	named("none of a hundred", "broker.test", many);
	named("an IPv4 address", "127.0.0.1", ["IP:7f000001"]);
	named("another IPv4 address", "127.0.0.1", ["IP:7f000002"]);
	named("an IPv4 address as a name", "127.0.0.1", ["DNS:127.0.0.1"]);
	named("an IPv4 address as the common name", "127.0.0.1", [], "127.0.0.1");
	named("an IPv4 address as the common name, with a name", "127.0.0.1", ["DNS:localhost"], "127.0.0.1");
	named("an IPv4 address by a wildcard", "127.0.0.1", ["DNS:*.0.0.1"]);
	named("an IPv4 address as a URI", "127.0.0.1", ["URI:mqtts://127.0.0.1"]);
	named("an IPv4 address with a mask", "127.0.0.1", ["IP:7f000001ffffffff"]);
	named("an IPv4 address of three bytes", "127.0.0.1", ["IP:7f0000"]);
	named("an IPv4 address in an IPv6 address", "127.0.0.1", ["IP:00000000000000000000ffff7f000001"]);
	const loopback = "IP:00000000000000000000000000000001";
	named("an IPv6 address", "::1", [loopback]);
	named("an IPv6 address, long", "0:0:0:0:0:0:0:1", [loopback]);
	named("an IPv6 address, longer", "0000:0000:0000:0000:0000:0000:0000:0001", [loopback]);
	named("another IPv6 address", "::1", ["IP:00000000000000000000000000000002"]);
	named("an IPv6 address as a name", "::1", ["DNS:::1"]);
	named("an IPv6 address as the common name", "::1", [], "::1");
	const mapped = "IP:00000000000000000000ffff7f000001";
	named("an IPv6 address with capitals", "::FFFF:7F00:1", [mapped]);
	named("an IPv6 address that ends with an IPv4 address", "::ffff:127.0.0.1", [mapped]);
	named("the IPv4 address in an IPv6 address", "::ffff:127.0.0.1", ["IP:7f000001"]);
	add(
		family,
		"an empty list",
		[own(root, { names: [], subject: "localhost", more: [extension("2.5.29.17", der(0x30))] })],
		[root],
	);
	add(family, "a list that is no list", [own(root, { names: [], more: [extension("2.5.29.17", octets())] })], [root]);
	named("another host and no authority", "broker.test", ["DNS:other.test"]);
	add(family, "another host, of a stranger", [own(stranger)], [root], { host: "broker.test" });
	add(family, "another host, and expired", [own(root, { to: inDays(-0.5) })], [root], { host: "broker.test" });
}

{
	const family = "keys";
	const kinds = [
		...(["rsa1024", "rsa2048", "rsa3072", "rsa4096", "rsa-pss"] as const),
		...(["P-224", "P-256", "P-384", "P-521", "secp256k1", "ed25519"] as const),
	];
	for (const kind of kinds) {
		const key = keyPair(kind, 5);
		add(family, `the broker's: ${kind}`, [own(root, { key })], [root], { key });
		const between = authority("between", { key }, root);
		add(family, `an issuer's: ${kind}`, [own(between), between.der], [root]);
		const limited = authority("limited root", { key });
		add(family, `the root's: ${kind}`, [own(limited)], [limited]);
		add(
			family,
			`one's that does not belong there: ${kind}`,
			[own(root), authority("x", { key }, stranger).der],
			[root],
		);
		add(family, `another root's: ${kind}`, [own(root)], [limited, root]);
	}
}

{
	const family = "signatures";
	for (const kind of ["rsa2048", "P-256"] as const) {
		const key = keyPair(kind, kind === "rsa2048" ? 0 : 7);
		const hashes: Hash[] = [...(kind === "rsa2048" ? (["md5"] as const) : []), "sha1", "sha256", "sha384", "sha512"];
		const limited = authority("limited root", { key });
		for (const hash of hashes) {
			add(family, `the broker's: ${kind}, ${hash}`, [own(limited, { hash })], [limited]);
			const between = authority("between", { hash }, limited);
			add(family, `an issuer's: ${kind}, ${hash}`, [own(between), between.der], [limited]);
			const anchor = authority("anchor", { key, hash });
			add(family, `the root's own: ${kind}, ${hash}`, [own(anchor)], [anchor]);
		}
		add(family, `the broker's is damaged: ${kind}`, [own(limited, { isDamaged: true })], [limited]);
		const between = authority("between", { isDamaged: true }, limited);
		add(family, `an issuer's is damaged: ${kind}`, [own(between), between.der], [limited]);
		const anchor = authority("anchor", { key, isDamaged: true });
		add(family, `the root's own is damaged: ${kind}`, [own(anchor)], [anchor]);
	}
	const rsa = authority("limited root", { key: keyPair("rsa2048") });
	add(family, "the broker's: PSS", [own(rsa, { pss: true })], [rsa]);
	const between = authority("between", { pss: true }, rsa);
	add(family, "an issuer's: PSS", [own(between), between.der], [rsa]);
	const changed = Buffer.from(own(root));
	changed[changed.indexOf("localhost", 0, "latin1")] = "L".charCodeAt(0);
	add(family, "the broker's name is changed", [changed], [root]);
	const wrongKind = own({ ...root, key: keyPair("rsa2048") });
	add(family, "RSA by an authority with P-256", [wrongKind], [root]);
	const mismatch = Buffer.from(own(root));
	const outer = mismatch.lastIndexOf(Buffer.from("2a8648ce3d040302", "hex"));
	mismatch[outer + 7] = 3;
	add(family, "two algorithms", [mismatch], [root]);
	add(family, "bytes behind the certificate", [own(root)], [root]);
}

{
	const family = "attacks";
	// Each could have issued each: all have one name, and keys of their own.
	for (const number of [4, 6, 9, 10, 11, 24]) {
		const keys = Array.from({ length: number }, (_, index) => keyPair("P-256", 4_000 + index));
		const self = keys.map((key) => authority("root", { key }));
		const last = own(self.at(-1));
		add(family, `${number} of one name, each of its own key`, [last, ...dersOf(...self)], [root]);
		const chained = keys.map((key, index) =>
			certificate({ subject: "root", key, signer: keys[index + 1] ?? root.key, extensions: [basicConstraints(true)] }),
		);
		const first = own({ name: "root", key: keys[0]! } as Authority);
		add(family, `${number} of one name, each of the next's key`, [first, ...chained], [root]);
		add(family, `${number} of one name, backwards`, [first, ...[...chained].reverse()], [root]);
		const many = Array.from({ length: 15 }, (_, index) => authority("root", { key: keyPair("P-256", 3_000 + index) }));
		add(family, `${number} of one name, and 16 authorities of it`, [first, ...chained], [...many, root]);
		add(
			family,
			`${number} of one name, by nobody, and 16 authorities of it`,
			[last, ...dersOf(...self)],
			[...many, root],
		);
		const copies = Array.from({ length: number }, () => authority("root", { key: keys[0]! }).der);
		add(
			family,
			`${number} of one name and key`,
			[own({ name: "root", key: keys[1]! } as Authority), ...copies],
			[stranger],
		);
	}
	// Layers: each of a layer could have issued each of the one below.
	for (const [width, depth] of [
		[2, 4],
		[3, 3],
		[4, 2],
		[2, 5],
	] as const) {
		const names = Array.from({ length: depth }, (_, index) => `layer ${index}`);
		const layers = names.flatMap((name, index) =>
			Array.from({ length: width }, (_, at) =>
				certificate({
					subject: name,
					issuer: names[index + 1] ?? "root",
					key: keyPair("P-256", 5_000 + index * 8 + at),
					// By the last of each layer, so that all are tried before it.
					signer: index + 1 < depth ? keyPair("P-256", 5_000 + (index + 1) * 8 + width - 1) : root.key,
					extensions: [basicConstraints(true)],
				}),
			),
		);
		const leaf = own({ name: "layer 0", key: keyPair("P-256", 5_000 + width - 1) } as Authority);
		add(family, `${depth} layers of ${width}`, [leaf, ...layers], [root]);
		add(family, `${depth} layers of ${width}, of nobody`, [leaf, ...layers], [authority("root")]);
	}
}
