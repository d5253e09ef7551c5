/** The observatory's command line: what it means, and what it cannot mean. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { UsageError } from "../../../commands/frame.ts";
import { parseOptions } from "../../../commands/observatory/options.ts";

const folder = mkdtempSync(join(tmpdir(), "veleta-options-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
	writeFileSync(join(folder, name), text);
	return join(folder, name);
};
const secret = file("secret", "s3cret\n");
const VARIABLES = ["VELETA_PASSWORD", "VELETA_PAGE_PASSWORD", "VELETA_HOME_ASSISTANT_TOKEN"];
const unset = () => {
	for (const variable of VARIABLES) delete process.env[variable];
};
unset();
afterEach(unset);

test("without options: everything on this computer", () => {
	assert.deepEqual(parseOptions([]), {
		broker: { host: "127.0.0.1", port: 1_883 },
		...{ starts: true, tls: {}, username: undefined, password: undefined },
		...{ bases: ["veleta/+"], topics: [], group: undefined },
		...{ data: ".veleta/observatory", store: join(".veleta/observatory", "readings.db"), keep: undefined },
		page: { host: "127.0.0.1", port: 8_080, password: undefined },
		...{ commands: true, homeAssistant: undefined, exports: false },
	});
	assert.equal(parseOptions(["--help"]), undefined);
});

test("a broker of somebody else's, with a user and a password from one of three places", () => {
	const broker = (...args: string[]) => {
		const { username, password, starts } = parseOptions(args)!;
		assert.equal(starts, false);
		return [username, password];
	};
	assert.deepEqual(broker("--broker", "mqtt://ana:s3cret@home.test"), ["ana", "s3cret"]);
	assert.deepEqual(broker("--broker", "mqtt://home.test", "-u", "ana", "--password-file", secret), ["ana", "s3cret"]);
	process.env.VELETA_PASSWORD = "s3cret";
	assert.deepEqual(broker("--broker", "mqtt://home.test", "-u", "ana"), ["ana", "s3cret"]);
	assert.deepEqual(broker("--broker", "mqtt://home.test"), [undefined, undefined]);
	const { tls, broker: address } = parseOptions(["--broker", "mqtts://home.test", "--fingerprint", "ab".repeat(32)])!;
	assert.deepEqual([tls.fingerprint, address.port], ["ab".repeat(32), 8_883]);
});

test("RabbitMQ by AMQP", () => {
	const { broker, username, password, tls, starts } = parseOptions([
		...["--broker", "amqps://ana:s3cret@rabbit.test/weather", "--tls-alpn", "amqp"],
	])!;
	assert.deepEqual(
		[starts, broker, username, password, tls],
		[
			false,
			{ host: "rabbit.test", port: 5_671, tls: true, vhost: "weather", username: "ana", password: "s3cret" },
			...["ana", "s3cret", { alpn: "amqp" }],
		],
	);
	const base = (...args: string[]) => parseOptions(["--broker", "amqp://rabbit.test", ...args])!.bases;
	assert.deepEqual(base("--base", "casa/+"), ["casa/+"]);
	// By MQTT a dot is a character like any other.
	assert.deepEqual(parseOptions(["--base", "casa.es/+"])!.bases, ["casa.es/+"]);
});

test("others reach broker and page only with passwords", () => {
	const { broker, page, username } = parseOptions([
		...["--broker-host", "0.0.0.0", "-u", "ana", "--password-file", secret],
		...["--host", "0.0.0.0", "--page-password-file", secret, "--port", "80"],
	])!;
	assert.deepEqual(
		[broker.host, username, page],
		["0.0.0.0", "ana", { host: "0.0.0.0", port: 80, password: "s3cret" }],
	);
});

test("filters, a group, how long readings are kept, Home Assistant", () => {
	process.env.VELETA_HOME_ASSISTANT_TOKEN = " t0ken\n";
	const options = parseOptions([
		...["--base", "casa/+", "--base", "jardin", "-t", "Casa/#", "--keep", "90"],
		...["--group", "home", "--store", "postgres://veleta:s3cret@db.test/home"],
		...["--home-assistant", "http://homeassistant.local:8123", "--no-page", "--no-commands", "--export", "csv"],
	])!;
	assert.deepEqual([options.bases, options.topics, options.group], [["casa/+", "jardin"], ["Casa/#"], "home"]);
	assert.deepEqual(
		[options.keep, options.page, options.commands, options.exports],
		[90 * 86_400_000, undefined, false, true],
	);
	assert.deepEqual(options.homeAssistant, { url: "http://homeassistant.local:8123", token: "t0ken" });
});

for (const [args, problem] of [
	[["--broker", "mqtt://ana:s3cret@"], /^--broker: /],
	[["--broker", "mqtt://home.test", "--broker-port", "1"], /^--broker-port is for a started broker/],
	[["--cafile", secret], /^--cafile is for a --broker at mqtts:\/\/ or wss:\/\/$/],
	[["--broker", "mqtt://home.test", "--fingerprint", "ab"], /^--fingerprint is for a --broker at mqtts/],
	[["--broker", "mqtts://home.test", "--cert", secret], /^--cert and --key go together$/],
	[["--broker", "amqp://ana:s3cret@rabbit.test/a/b"], /^--broker: must look like amqp:/],
	[["--broker", "amqp://rabbit.test", "--cafile", secret], /^--cafile is for a --broker at amqps:\/\/$/],
	[["--broker", "amqps://rabbit.test", "--fingerprint", "ab".repeat(32)], /^--fingerprint is for mqtts:/],
	[
		["--broker", "amqp://rabbit.test", "--base", "casa.es/+"],
		/^--base casa.es\/\+: RabbitMQ takes a \. in a topic for a \/$/,
	],
	[["--broker", "amqp://rabbit.test", "-t", "Casa/*"], /^--topic Casa\/\*: by AMQP a \* stands for any level$/],
	[
		["--broker", "amqp://r.test", "--store", "postgres://db.test/home", "--group", "g".repeat(237)],
		/^--group: by AMQP it must be a name of 236 bytes at the most$/,
	],
	[["--broker-host", "0.0.0.0"], /^--broker-host: others reach the broker there, so it needs -u/],
	[["-u", "ana"], /^-u: the started broker needs a password/],
	[["-u", "a:b", "--password-file", secret], /^-u: must not be empty, nor begin with #, nor have a colon$/],
	[["--password-file", secret], /^--password-file needs -u$/],
	[["--host", "0.0.0.0"], /^--host: others reach the page there, so it needs --page-password-file/],
	[["--page-password-file", join(folder, "none")], /^--page-password-file .*: there is no such file$/],
	[["--no-page", "--port", "80"], /^--port is for the page$/],
	[["--port", "0"], /^--port 0: must be a whole number from 1 to 65535$/],
	[["--base", "veleta/#"], /^--base veleta\/#: # stands for the end of a topic/],
	[["--base", "a/+b"], /^--base a\/\+b: /],
	[["--topic", "a#"], /^--topic a#: /],
	[Array.from({ length: 7 }, (_, index) => ["--base", `${index}`]).flat(), /^too many of --base and --topic/],
	[["--group", "a/b", "--store", "postgres://db.test/home"], /^--group: must be a name/],
	[["--group", "home"], /^--group: those of a group need one store/],
	[["--store", "postgress://ana:s3cret@db.test/home"], /^--store: must be a file, or look like postgres/],
	[["--store", "postgres://ana:/s3cret@db.test/home"], /^--store: must be a file, or look like postgres/],
	[["--store", "POSTGRES://ana:s3cret@/"], /^--store: must be a file, or look like postgres/],
	[["--store", "postgres://ana:s3cret@db.test"], /^--store: must be a file, or look like postgres/],
	[["--data", "a\nlistener 1"], /^--data: must be a path$/],
	[["-t", "Casa/#", "-t", "Casa/+/t"], /^--topic Casa\/\+\/t: has topics that Casa\/# has, too$/],
	[["-u", "#ana", "--password-file", secret], /^-u: must not be empty, nor begin with #/],
	[["--keep", "0"], /^--keep 0: must be a number from 1/],
	[["--export", "xml"], /^--export: must be csv$/],
	[["--store", ""], /^--store: must be a path$/],
	[["--home-assistant", "http://ha.test"], /^--home-assistant: needs a token/],
	[["--home-assistant", "ftp://ha.test"], /^--home-assistant: /],
	[["--token-file", secret], /^--token-file is for --home-assistant$/],
] as const) {
	test(`refused: ${args.slice(0, 4).join(" ").replaceAll(folder, "").replaceAll("\n", "\\n")}`, () => {
		assert.throws(
			() => parseOptions([...args]),
			(error: Error) => {
				assert.ok(error instanceof UsageError, String(error));
				assert.match(error.message, problem);
				assert.ok(!/s3cret|\n/.test(error.message), error.message);
				return true;
			},
		);
	});
}
