import { answer, applicableSettings, type SettingsStore } from "../../../../../hosts/esp32/console/provisioning.ts";
import { parseSettings } from "../../../../../src/settings.ts";
import { deepEqual, equal, match, ok, test } from "../../../../harness/harness.ts";

const BUILT_IN = Object.freeze({ id: "built-in", wifi: { ssid: "home", password: "very secret" } });

/** A store that can refuse. */
class Store implements SettingsStore {
	text: string | undefined;
	writes = 0;
	refusal: string | undefined;

	constructor(text?: string) {
		this.text = text;
	}

	read(): string | undefined {
		return this.text;
	}

	write(text?: string): void {
		if (this.refusal !== undefined) throw new Error(this.refusal);
		this.writes++;
		this.text = text;
	}
}

const SECRETS = ["hunter22", "s3cret", "MIIEvQ", "p%40ss"];
const WITH_SECRETS = {
	broker: "mqtts://user:p%40ss@broker.example",
	username: "station",
	password: "hunter22",
	wifi: [{ ssid: "home", password: "s3cret-s3cret" }, { ssid: "open" }],
	tls: {
		ca: "-----BEGIN CERTIFICATE-----\nMIIEvQ\n-----END CERTIFICATE-----\n",
		certificate: "-----BEGIN CERTIFICATE-----\nMIIEvQ\n-----END CERTIFICATE-----\n",
		key: "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n",
	},
};

function hasNoSecret(text: string): void {
	for (const secret of SECRETS) ok(!text.includes(secret), `${secret} is shown`);
}

function applicable(store: Store) {
	const log: string[] = [];
	const settings = applicableSettings(BUILT_IN, store, (level, text) => log.push(`${level}: ${text}`));
	return { settings, log };
}

test("what was built in applies while nothing is stored", () => {
	const { settings, log } = applicable(new Store());
	deepEqual(settings, parseSettings(BUILT_IN));
	equal(log.length, 0);
});

test("a station that neither the built-in nor the stored settings name has the board's id", () => {
	const idOf = (builtIn: unknown, stored?: string) =>
		applicableSettings(builtIn, new Store(stored), () => {}, "a1b2c3").id;
	equal(idOf({}), "a1b2c3");
	equal(idOf({}, '{"interval":30}'), "a1b2c3");
	equal(idOf({ id: "roof" }, '{"interval":30}'), "a1b2c3", "what is stored replaces all");
	equal(idOf({}, '{"interval":0}'), "a1b2c3");
	equal(idOf({ id: "roof" }), "roof");
	equal(idOf({}, '{"id":"shed"}'), "shed");
	const store = new Store();
	equal(answer('{"interval":30}', "esp32", {}, store), "ok");
	equal(store.text, '{"interval":30}', "it is not stored: another board has another one");
});

test("settings that are nested deeper than any are refused before the engine reads them", () => {
	for (const text of ["[".repeat(1_000), '{"tls":'.repeat(500), '{"wifi":[[[[1]]]]}']) {
		const store = new Store();
		const reply = answer(text, "esp32", BUILT_IN, store);
		equal(reply, "error lists and objects within each other are too deep for settings");
		equal(store.writes, 0);
		const { settings, log } = applicable(new Store(text));
		deepEqual(settings, parseSettings(BUILT_IN));
		match(log[0]!, /too deep for settings$/);
		match(answer("?", "esp32", BUILT_IN, new Store(text)), /^error .* too deep/);
	}
	equal(answer('{"wifi":[{"ssid":"[[[[["}]}', "esp32", BUILT_IN, new Store()), "ok");
});

test("what is stored applies as a whole: nothing of what was built in is left", () => {
	const { settings, log } = applicable(new Store('{"id":"stored"}'));
	deepEqual(settings, parseSettings({ id: "stored" }));
	equal(log.length, 0);
});

test("stored settings that cannot be used are left alone, with one line that shows nothing of them", () => {
	for (const [text, why] of [
		['{"id":"hunter22","interval":0}', /^warning: .*built-in ones apply: interval: /],
		['{"password":"hunter22","username":"a","novelty":1}', /^warning: .*: novelty: is no setting/],
		['{"password":"hunter22"', /^warning: .*: not JSON$/],
		["", /^warning: .*: not JSON$/],
	] as const) {
		const store = new Store(text);
		const { settings, log } = applicable(store);
		deepEqual(settings, parseSettings(BUILT_IN));
		equal(log.length, 1);
		match(log[0]!, why);
		hasNoSecret(log[0]!);
		equal(store.text, text);
	}
});

test("settings that can be used are stored as they came, in one write", () => {
	const store = new Store('{"id":"before"}');
	const text = JSON.stringify(WITH_SECRETS);
	equal(answer(text, "esp32", BUILT_IN, store), "ok");
	equal(store.text, text);
	equal(store.writes, 1);
	deepEqual(applicable(store).settings, parseSettings(WITH_SECRETS));
});

test("settings that cannot be used are refused with the setting's name, and what was stored stays", () => {
	for (const [text, why] of [
		['{"interval":"hunter22"}', /^error interval: must be a number/],
		[
			'{"wifi":{"ssid":"home","password":"s3cret"}}',
			/^error wifi\.password: needs 8 to 63 characters, or 64 hexadecimal digits$/,
		],
		['{"broker":"mqtt://user:p%40ss@"}', /^error broker: /],
		['{"tls":{"key":"MIIEvQ"}}', /^error tls\.key: must be in PEM/],
		['{"password":"hunter22', /^error not JSON$/],
		["hunter22", /^error not JSON$/],
		["", /^error not JSON$/],
		["[]", /^error settings: must be an object$/],
		['{"qos":3,"interval":0,"id":""}', /^error interval: .* a bme280; id: needs .* underscores; qos: must .* 0 to 2$/],
	] as const) {
		const store = new Store('{"id":"before"}');
		const reply = answer(text, "esp32", BUILT_IN, store);
		match(reply, why);
		hasNoSecret(reply);
		equal(store.text, '{"id":"before"}');
		equal(store.writes, 0);
	}
});

test("any beginning of settings is refused: the power may fail in the middle, the line may break", () => {
	const text = JSON.stringify(WITH_SECRETS);
	const store = new Store();
	for (let length = 0; length < text.length; length++) {
		const reply = answer(text.slice(0, length), "esp32", BUILT_IN, store);
		equal(reply, "error not JSON", `${length} characters`);
	}
	equal(store.writes, 0);
});

test("a flash that refuses is told", () => {
	const store = new Store();
	store.refusal = "no room in the partition nvs";
	equal(answer('{"id":"new"}', "esp32", BUILT_IN, store), "error no room in the partition nvs");
	equal(answer("-", "esp32", BUILT_IN, store), "error no room in the partition nvs");
});

test("what is stored is shown without its secrets", () => {
	const reply = answer("?", "esp32", BUILT_IN, new Store(JSON.stringify(WITH_SECRETS)));
	hasNoSecret(reply);
	match(reply, /^ok stored on esp32 \{/);
	equal(
		reply.slice("ok stored on esp32 ".length),
		JSON.stringify({
			broker: "mqtts://(set)@broker.example",
			username: "station",
			password: "(set)",
			wifi: [{ ssid: "home", password: "(set)" }, { ssid: "open" }],
			tls: { ca: "(set)", certificate: "(set)", key: "(set)" },
		}),
	);
});

test("what was built in is shown as that, without its secrets", () => {
	equal(
		answer("?", "esp32", BUILT_IN, new Store()),
		'ok built in on esp32 {"id":"built-in","wifi":{"ssid":"home","password":"(set)"}}',
	);
});

/** Objects that refuse to be stringified, as XS refuses those that lie in flash. */
function inFlash(value: unknown): unknown {
	if (typeof value !== "object" || value === null) return value;
	for (const member of Object.values(value)) inFlash(member);
	const refuse = () => {
		throw new TypeError("read only value");
	};
	return Object.freeze(Object.defineProperty(value, "toJSON", { value: refuse }));
}

test("what was built in is shown though it lies in flash, where XS can stringify nothing", () => {
	const builtIn = inFlash(
		JSON.parse(JSON.stringify({ ...WITH_SECRETS, pins: { dht: 15 }, sleep: true, outbox: null })),
	);
	const reply = answer("?", "esp32", builtIn, new Store());
	hasNoSecret(reply);
	equal(
		reply,
		`ok built in on esp32 ${JSON.stringify({
			broker: "mqtts://(set)@broker.example",
			username: "station",
			password: "(set)",
			wifi: [{ ssid: "home", password: "(set)" }, { ssid: "open" }],
			tls: { ca: "(set)", certificate: "(set)", key: "(set)" },
			pins: { dht: 15 },
			sleep: true,
			outbox: null,
		})}`,
	);
});

test("the board's own C gets all of it, with its secrets", () => {
	const text = JSON.stringify(WITH_SECRETS);
	equal(answer("\n", "esp32", BUILT_IN, new Store(text)), text);
	equal(answer("\n", "esp32", inFlash(JSON.parse(text)), new Store()), text);
	equal(answer("\n", "esp32", BUILT_IN, new Store("hunter22")), "error not JSON");
	for (const request of ["\n ", "\n\n", " \n", "\r"])
		equal(answer(request, "esp32", BUILT_IN, new Store()), "error not JSON");
});

test("stored nonsense is not shown", () => {
	equal(answer("?", "esp32", BUILT_IN, new Store("hunter22")), "error not JSON");
});

test("what is stored is forgotten, and what was built in applies again", () => {
	const store = new Store('{"id":"stored"}');
	equal(answer("-", "esp32", BUILT_IN, store), "ok");
	equal(store.text, undefined);
	deepEqual(applicable(store).settings, parseSettings(BUILT_IN));
});

test("what is shown can be sent again, changed: a secret that is not named stays", () => {
	const given = { ...WITH_SECRETS, wifi: [WITH_SECRETS.wifi[0]!, { ssid: "shed", password: "hunter22!" }] };
	for (const store of [new Store(JSON.stringify(given)), new Store()]) {
		const builtIn = store.text === undefined ? inFlash(JSON.parse(JSON.stringify(given))) : BUILT_IN;
		const shown = JSON.parse(answer("?", "esp32", builtIn, store).replace(/^[^{]*/, ""));
		const [home, shed] = shown.wifi;
		const changed = { ...shown, interval: 30, wifi: [shed, { ssid: "new", password: "new-secret" }, home] };
		equal(answer(JSON.stringify(changed), "esp32", builtIn, store), "ok");
		deepEqual(JSON.parse(store.text!), {
			...given,
			interval: 30,
			wifi: [given.wifi[1], { ssid: "new", password: "new-secret" }, given.wifi[0]],
		});
	}
});

test("one network stays, whether it was alone or in a list", () => {
	const network = { ssid: "home", password: "s3cret-s3cret" };
	const shown = { ssid: "home", password: "(set)" };
	for (const before of [network, [network]]) {
		for (const [sent, kept] of [
			[shown, network],
			[[shown], [network]],
		]) {
			const store = new Store(JSON.stringify({ wifi: before }));
			equal(answer(JSON.stringify({ wifi: sent }), "esp32", BUILT_IN, store), "ok");
			deepEqual(JSON.parse(store.text!), { wifi: kept });
		}
	}
});

test("a secret stays where it was: nobody has it sent to another broker, or network", () => {
	const before = JSON.stringify(WITH_SECRETS);
	const shown = JSON.parse(answer("?", "esp32", BUILT_IN, new Store(before)).replace(/^[^{]*/, ""));
	const { tls } = WITH_SECRETS;
	for (const [change, why] of [
		[{ broker: "mqtts://attacker.example" }, "password"],
		[{ broker: "mqtts://(set)@attacker.example" }, "broker"],
		[{ broker: "mqtt://(set)@broker.example" }, "broker"],
		[{ tls: { ...tls, ca: tls.ca.replace("Q", "R") } }, "broker"],
		[{ tls: { fingerprint: "00".repeat(32) }, broker: "mqtts://broker.example" }, "password"],
		[{ wifi: { ssid: "open", password: "(set)" } }, "password"],
		[{ wifi: { ssid: "attacker", password: "(set)" } }, "password"],
		[{ wifi: [{ ssid: "constructor", password: "(set)" }] }, "password"],
		[{ id: "(set)" }, "id"],
		[{ novelty: { deep: "(set)" } }, "deep"],
	] as const) {
		const store = new Store(before);
		const reply = answer(JSON.stringify({ ...shown, ...change }), "esp32", BUILT_IN, store);
		ok(/^error \w+: \(set\) stands for nothing here$/.test(reply) && reply.includes(` ${why}:`), `${why}: ${reply}`);
		hasNoSecret(reply);
		equal(store.writes, 0);
	}
	const store = new Store(before);
	match(answer('{"wifi":{"password":"(set)"}}', "esp32", BUILT_IN, store), /^error wifi\.?\S*\.ssid|^error password/);
	equal(store.writes, 0);
});

test("what is too long with the secrets that stay is refused", () => {
	const ca = `-----BEGIN CERTIFICATE-----\n${"MIIEvQ+/".repeat(800)}\n-----END CERTIFICATE-----\n`;
	const store = new Store(JSON.stringify({ broker: "mqtts://broker.example", tls: { ca } }));
	const shown = { broker: "mqtts://broker.example", tls: { ca: "(set)" } };
	equal(answer(JSON.stringify({ ...shown, id: "roof" }), "esp32", BUILT_IN, store), "ok");
	const topic = "é".repeat(400);
	equal(answer(JSON.stringify({ ...shown, topic }), "esp32", BUILT_IN, store), "error more than 7168 bytes");
	equal(store.writes, 1);
});
