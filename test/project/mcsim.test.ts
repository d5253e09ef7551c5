/** mcsim: the command that opens it, the panel as mcsim takes it, and the panel at work. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { SENSORS } from "../../src/sensors/models.ts";
import { hasMbedTls } from "../../tools/moddable.js";
import { Certificates, type Identity } from "../harness/certificates.ts";
import { assertComplete } from "../harness/delivery.ts";
import { deepEqual, equal, match, ok } from "../harness/harness.ts";
import { copyOfProject, hasScreen, Mcsim } from "../harness/mcsim.ts";
import { Mosquitto } from "../harness/mosquitto.ts";
import { WITH_SDK } from "../harness/sdk-installation.ts";
import { MosquittoSub } from "../harness/subscriber.ts";
import { until } from "../harness/wait.ts";

const MODELS = Object.keys(SENSORS).join(", ");
const project = copyOfProject();

/** Runs Node in the copy of the project. */
function run(argumentsOf: readonly string[], environment: Record<string, string> = {}) {
	return spawnSync(process.execPath, argumentsOf, {
		cwd: project,
		env: { PATH: "/nowhere", HOME: tmpdir(), ...environment },
		encoding: "utf8",
	});
}
const mcsim = (...options: string[]) => run(["tools/run.js", "commands/mcsim.ts", ...options]);

test("what is wrong with an option of mcsim's command is one line and exit code 2", () => {
	for (const [options, problem] of [
		[["--interval", "soon"], /^--interval needs a number of seconds\n$/],
		[["--keep-alive", "-1"], /^[^\n]*--keep-alive[^\n]*\n$/],
		[["--sensor", "dht"], new RegExp(`^sensor: must be one of ${MODELS}\\n$`)],
		[["--sensor", "dht22", "--interval", "1"], /^interval: must be a number from 2 to 86400 for a dht22\n$/],
		[["--broker", "http://broker"], /^broker: must begin with mqtt[^\n]*\n$/],
		[["--config", "nowhere.json"], /^--config nowhere\.json: there is no such file\n$/],
	] as const) {
		const { status, stderr } = mcsim(...options);
		match(stderr, problem);
		equal(status, 2, options.join(" "));
	}
	const { stdout } = mcsim("--help");
	for (const option of ["--sensor", "--broker", "--interval", "--keep-alive", "--config", "--build-only"]) {
		ok(stdout.includes(`  ${option} `), `--help does not know ${option}`);
	}
});

test("the panel is one file, alone in its folder, that imports nothing but what mcsim has", () => {
	const { status, stderr } = run(["-e", `import("./tools/panel.js").then(({ buildPanel }) => buildPanel())`]);
	equal(status, 0, stderr);
	const folder = join(project, "build/modules/mcsim/simulator");
	// For those who have mcconfig itself open mcsim.
	const { platforms } = JSON.parse(readFileSync("manifest.json", "utf8"));
	for (const platform of ["lin", "mac", "win"]) {
		equal(platforms[platform].build.SIMULATORS, "./build/modules/mcsim/simulator");
	}
	equal(readdirSync(folder).join(), "veleta.js");
	const panel = readFileSync(join(folder, "veleta.js"), "utf8");
	for (const [, name] of panel.matchAll(/ from "(.*?)";$/gm)) {
		match(name!, /^(ControlsPane|DevicePane|assets|piu\/(Scrollbars|Sliders))$/);
	}
	match(panel, /^export \{\n {2}\w+ as default\n\};$/m);
});

test("a computer without Mbed TLS builds mcsim without TLS, and a broker that wants it is told of in one line", () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-mcsim-"));
	const made = (name: string) => readFileSync(join(project, "build/modules/mcsim", name), "utf8");
	try {
		for (const tls of [false, true]) {
			const build = `
				const { buildMqttPacket } = await import("./tools/build.js");
				const { buildForModdable } = await import("./tools/device.js");
				await buildMqttPacket();
				await buildForModdable("mcsim", { tls: ${tls} });`;
			const { status, stderr } = run(["--input-type=module", "-e", build]);
			equal(status, 0, stderr);
			// C that a manifest names and JavaScript that calls it go together, or mcsim cannot load the program.
			equal(made("tls.json"), tls ? '{"include":"../../../hosts/moddable/tls/manifest.json"}\n' : "{}\n");
			equal(made("station.js").includes("xs_tls_"), tls);
		}
		const config = join(folder, "config.json");
		const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
		writeFileSync(config, JSON.stringify({ broker: "mqtts://broker.test", tls: { ca: pem } }));
		const { status, stderr } = mcsim("--config", config);
		equal(status, 1);
		const [first = "", ...others] = stderr.trimEnd().split("\n");
		equal(
			/^mcsim has no TLS here: it needs Linux, and Mbed TLS .*: the station will not start$/.test(first),
			!hasMbedTls(),
		);
		match(others.at(-1) ?? first, /^the Moddable SDK is missing/);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

/** XS 8.2.3, `fxAllocateRegExpData`: each use of such a one takes memory that is never given back, and corrupts the heap. */
test("no regular expression is preloaded", () => {
	const build = `
		const { buildMqttPacket } = await import("./tools/build.js");
		const { buildForModdable } = await import("./tools/device.js");
		await buildMqttPacket();
		for (const host of ["esp32", "mcsim"]) await buildForModdable(host);`;
	const { status, stderr } = run(["--input-type=module", "-e", build]);
	equal(status, 0, stderr);
	for (const host of ["esp32", "mcsim"]) {
		const station = readFileSync(join(project, `build/modules/${host}/station.js`), "utf8");
		// What begins a line is of the module, and not of a function in it.
		equal(/^\S.* = \/.*$/m.exec(station)?.[0], undefined, host);
		ok(/^\s.*\/\.test\(/m.test(station), "the pattern above would find nothing");
	}
});

const { MODDABLE = "", PATH = "" } = process.env;
/** Of the station's that the panel moves; the broker knows after twice the keep-alive at the latest. */
const SETTINGS = { id: "panel", interval: 1, keepAlive: 2 };

test("with an SDK the simulator is built", WITH_SDK, () => {
	const { status, stdout, stderr } = run(["tools/run.js", "commands/mcsim.ts", "--build-only"], { MODDABLE, PATH });
	equal(status, 0, stdout + stderr);
	const platform = process.platform === "darwin" ? "mac" : "lin";
	ok(existsSync(join(project, `build/moddable/bin/${platform}/mc/release/veleta/mc.so`)), "no mc.so");
});

/** The panel's colours (`hosts/sim/mcsim/panel/theme.ts`). */
const LIGHT = { ground: "#fafafa", red: "#b3261e", amber: "#8a5a00" };
const DARK = { ground: "#272727" };

const WITH_SCREEN = {
	skip: WITH_SDK.skip || (!(process.platform === "linux" && hasScreen()) && "needs Linux, Xvfb and xdotool"),
};

test("with an SDK and a screen, slider and switches do what they say", WITH_SCREEN, async () => {
	const folder = mkdtempSync(join(tmpdir(), "veleta-mcsim-"));
	const broker = await Mosquitto.start(join(folder, "broker"));
	try {
		const config = join(folder, "config.json");
		writeFileSync(config, JSON.stringify({ ...SETTINGS, broker: `mqtt://127.0.0.1:${broker.port}` }));
		const { status, stdout, stderr } = run(["tools/run.js", "commands/mcsim.ts", "--build-only", "--config", config], {
			MODDABLE,
			PATH,
		});
		equal(status, 0, stdout + stderr);
		await walk(broker, folder);
	} finally {
		await broker.kill();
		rmSync(folder, { recursive: true });
	}
});

const WITH_TLS = { skip: WITH_SCREEN.skip || (!hasMbedTls() && "needs Mbed TLS: libmbedtls-dev") };

test(
	"with an SDK, a screen and Mbed TLS, readings are taken while a handshake is under way, and delivered over TLS and wss",
	WITH_TLS,
	async () => {
		const folder = mkdtempSync(join(tmpdir(), "veleta-mcsim-"));
		const certificates = new Certificates(join(folder, "certificates"));
		const authority = certificates.authority();
		const other = certificates.authority("somebody else");
		const tls = { identity: certificates.issue(authority) };
		const broker = await Mosquitto.start(join(folder, "broker"), { tls, webSockets: true });
		const goOn = join(folder, "go-on");
		const slow = join(folder, "slow-handshake.so");
		try {
			execFileSync("gcc", [
				"-shared",
				"-fPIC",
				"-Wall",
				"-Wextra",
				"-o",
				slow,
				"test/harness/slow-handshake.c",
				"-Wl,--no-as-needed",
				"-lmbedtls",
			]);
			const build = (trusted: Identity, url = `mqtts://127.0.0.1:${broker.tlsPort}`) => {
				const config = join(folder, "config.json");
				const tls = { ca: trusted.certificate };
				writeFileSync(config, JSON.stringify({ ...SETTINGS, broker: url, tls }));
				const { status, stdout, stderr } = run(
					["tools/run.js", "commands/mcsim.ts", "--build-only", "--config", config],
					{
						MODDABLE,
						PATH,
					},
				);
				equal(status, 0, stdout + stderr);
			};
			build(other);
			const distrustful = await Mcsim.start({ moddable: MODDABLE, project, folder });
			try {
				await distrustful.log(
					/cannot connect: certificate: no trusted authority has issued it \(tls\.ca\); next attempt/,
				);
			} finally {
				await distrustful.close();
			}
			build(authority);
			const environment = { LD_PRELOAD: slow, HANDSHAKES_GO_ON: goOn };
			const subscriber = await MosquittoSub.start(broker, folder, { filters: ["veleta/panel/#"] });
			const panel = await Mcsim.start({ moddable: MODDABLE, project, folder, environment });
			try {
				const flash = () => readFileSync(join(folder, ".veleta/veleta-mcsim.flash")).toString("base64");
				// Each reading that is taken lies in the flash.
				for (let readings = 0; readings < 3; readings++) {
					const before = flash();
					await until("a reading during the handshake", () => flash() !== before);
				}
				equal(subscriber.highest(), 0);
				writeFileSync(goOn, "");
				await subscriber.reaches(6);
				await subscriber.caughtUp();
				assertComplete(subscriber.reports(), subscriber.highest());
				await panel.close();
				// And through a WebSocket on it.
				build(authority, `wss://127.0.0.1:${broker.secureWebSocketPort}`);
				const through = await Mcsim.start({ moddable: MODDABLE, project, folder });
				try {
					await subscriber.reaches(subscriber.highest() + 3);
				} finally {
					await through.close();
				}
			} finally {
				await panel.close();
				await subscriber.kill();
			}
		} finally {
			await broker.kill();
			rmSync(folder, { recursive: true });
		}
	},
);

async function walk(broker: Mosquitto, folder: string): Promise<void> {
	const subscriber = await MosquittoSub.start(broker, folder, { filters: ["veleta/panel/#"] });
	const panel = await Mcsim.start({ moddable: MODDABLE, project, folder });
	try {
		await subscriber.reaches(2);
		await typedNumber(panel, subscriber);
		await slider(panel, subscriber);
		await drawnAnew(panel, subscriber);
		await linkCut(panel, subscriber);
		await powerCut(panel, subscriber);
		await sensorFault(panel, subscriber);
		const seqs = subscriber.reports().map(({ seq }) => seq);
		const first = [...new Set(seqs)].sort((a, b) => a - b);
		equal(first.join(), first.map((_, index) => index + 1).join(), "a reading is missing");
		equal(await panel.quit(), 90, "the device was not turned");
	} finally {
		await panel.close();
		await subscriber.kill();
	}
}

const statuses = (subscriber: MosquittoSub) =>
	subscriber.messages.filter(({ topic }) => topic.endsWith("/status")).map(({ payload }) => payload);
const lives = (subscriber: MosquittoSub) =>
	subscriber.messages.filter(({ payload }) => /^\{.*"uptime":0,/.test(payload)).length;
const last = <Value>(values: readonly Value[]) => values.at(-1);

async function typedNumber(panel: Mcsim, subscriber: MosquittoSub): Promise<void> {
	await panel.type("temperature", "99");
	await until("the refusal", () => panel.count(LIGHT.red, "fields") > 0);
	await subscriber.reaches(subscriber.highest() + 2);
	ok(last(subscriber.reports())!.temperature < 60, "a number beyond the sensor's range is taken");
	await panel.type("temperature", "-12.5");
	await until("a reading of -12.5 °C", () => Math.abs(last(subscriber.reports())!.temperature + 12.5) < 0.3);
	equal(panel.count(LIGHT.red, "fields"), 0);
	await panel.type("pressure", "901,5");
	await until("a reading of 901.5 hPa", () => Math.abs(Number(last(subscriber.reports())!.pressure) - 901.5) < 0.3);
	// Of the others the last values stay.
	ok(Math.abs(last(subscriber.reports())!.temperature + 12.5) < 0.3);
}

/** Neither mcsim's other colours nor a turn of the device restart the station; nor is what was set forgotten. */
async function drawnAnew(panel: Mcsim, subscriber: MosquittoSub): Promise<void> {
	const before = { lives: lives(subscriber), statuses: statuses(subscriber).length };
	for (const [change, ground] of [
		[() => panel.choose("dark"), DARK.ground],
		[() => panel.turn(), DARK.ground],
		[() => panel.choose("light"), LIGHT.ground],
	] as const) {
		await change();
		await until("the other colours", () => panel.count(ground, "margin") > 0);
		// A connection that was closed would be told of by now: the station's next readings come after it.
		await subscriber.reaches(subscriber.highest() + 3);
		deepEqual({ lives: lives(subscriber), statuses: statuses(subscriber).length }, before);
		ok(Math.abs(last(subscriber.reports())!.temperature - 60) < 2, "the slider is forgotten");
	}
	// The panel that was drawn last is the one that works.
	await panel.type("humidity", "33");
	await until("a reading of 33 %", () => Math.abs(last(subscriber.reports())!.humidity! - 33) < 1);
}

async function slider(panel: Mcsim, subscriber: MosquittoSub): Promise<void> {
	await panel.moveTemperature(Mcsim.temperatureAt(last(subscriber.reports())!.temperature), Mcsim.temperatureAt(60));
	// A pixel is about half a degree.
	await until("a reading of 60 °C", () => Math.abs(last(subscriber.reports())!.temperature - 60) < 2);
}

async function linkCut(panel: Mcsim, subscriber: MosquittoSub): Promise<void> {
	await panel.toggle("link");
	await until("the last will", () => last(statuses(subscriber)) === "offline");
	const before = subscriber.highest();
	await until("the marks of readings that wait", () => panel.count(LIGHT.amber, "dots") > 0);
	await panel.toggle("link");
	await until("the station", () => last(statuses(subscriber)) === "online");
	await subscriber.reaches(before + 4);
	await until("readings without a mark", () => panel.count(LIGHT.amber, "dots") === 0);
}

async function powerCut(panel: Mcsim, subscriber: MosquittoSub): Promise<void> {
	const before = lives(subscriber);
	await panel.toggle("power");
	await until("the last will", () => last(statuses(subscriber)) === "offline");
	const highest = subscriber.highest();
	await panel.toggle("power");
	await until("the program's start anew", () => lives(subscriber) > before);
	// The weather is as it was set, from the first reading on.
	await subscriber.reaches(highest + 2);
	ok(Math.abs(last(subscriber.reports())!.temperature - 60) < 2, "the slider is forgotten");
}

async function sensorFault(panel: Mcsim, subscriber: MosquittoSub): Promise<void> {
	await panel.toggle("sensor");
	await panel.log(/^warning: no reading from the bme280: /);
	const before = subscriber.highest();
	await panel.toggle("sensor");
	await subscriber.reaches(before + 2);
}
