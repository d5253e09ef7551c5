import { hostnameOf, WifiStation } from "../../../../../hosts/esp32/wifi/wifi-station.ts";
import type { Wifi } from "../../../../../src/settings.ts";
import { deepEqual, equal, ok, test } from "../../../../harness/harness.ts";
import { type AccessPoint, Clockwork, WifiDriver } from "./wifi-driver.ts";

const CASA: Wifi = { ssid: "casa", password: "secret word" };
const OFFICE: Wifi = { ssid: "office", password: "other secret" };
const GARDEN: Wifi = { ssid: "garden" };

const accessPoint = (network: Wifi, more: Partial<AccessPoint> = {}): AccessPoint => ({
	ssid: network.ssid,
	bssid: `${network.ssid}-1`,
	channel: 6,
	rssi: -60,
	...(network.password === undefined ? {} : { password: network.password }),
	...more,
});

/** A board that was switched on, with a transcript in which each line has its time in s. */
function board(networks: readonly Wifi[], air: AccessPoint[], hint?: WifiDriver["hint"], complaint?: string) {
	const clockwork = new Clockwork();
	const driver = new WifiDriver(clockwork, air);
	const { clock, timer } = clockwork;
	const timers = new Set<unknown>();
	let lines: string[] = [];
	let ready = false;
	const note = (line: string) => lines.push(`${(clock.now() / 1_000).toFixed(2)} ${line}`);
	driver.hint = hint;
	driver.complaint = complaint;
	driver.onAsked = note;
	new WifiStation({
		radio: driver,
		id: "a.b",
		networks,
		clock,
		timer: {
			set: (callback, delay) => {
				const id = timer.set(() => {
					timers.delete(id);
					callback();
				}, delay);
				timers.add(id);
				return id;
			},
			clear: (id) => {
				timers.delete(id);
				timer.clear(id);
			},
		},
		log: (level, text) => note(`${level}: ${text}`),
		onChanged: (now) => {
			ready = now;
			note(ready ? "ready" : "not ready");
		},
	});
	return {
		driver,
		ready: () => ready,
		pending: () => timers.size,
		/** What is told and asked for in so many ms. */
		run: (duration: number) => {
			clockwork.advance(duration);
			equal(driver.mistakes.join(), "");
			ok(timers.size <= 1, "one timer at the most");
			const told = lines;
			lines = [];
			return told;
		},
	};
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const starting = (lines: string[], start: string) =>
	lines.filter((line) => line.split(" ").slice(1).join(" ").startsWith(start));

test("joining ends with an address, is told once, and is followed by silence", () => {
	const { run, pending } = board([CASA], [accessPoint(CASA)]);
	deepEqual(run(3_000), ["0.00 join casa", "2.36 info: Wi-Fi: joined casa, address 192.0.2.9", "2.36 ready"]);
	deepEqual(run(2 * HOUR), []);
	equal(pending(), 0);
});

test("an address of the settings is used without DHCP", () => {
	const fixed = { ...CASA, address: "192.0.2.20", mask: "255.255.255.0", gateway: "192.0.2.1" };
	const { run } = board([fixed], [accessPoint(CASA, { fault: "no DHCP" })]);
	deepEqual(run(3_000), [
		"0.00 join casa as 192.0.2.20",
		"1.86 info: Wi-Fi: joined casa, address 192.0.2.20",
		"1.86 ready",
	]);
});

test("the remembered access point is joined in less than a second", () => {
	const { run } = board([OFFICE, CASA], [accessPoint(CASA), accessPoint(OFFICE)], {
		ssid: "casa",
		bssid: "casa-1",
		channel: 6,
	});
	deepEqual(run(HOUR), ["0.00 join casa remembered", "0.92 info: Wi-Fi: joined casa, address 192.0.2.9", "0.92 ready"]);
});

test("a remembered access point that has changed its channel is found there, as its name is known", () => {
	const { run } = board([CASA], [accessPoint(CASA, { channel: 11 })], { ssid: "casa", bssid: "casa-1", channel: 6 });
	deepEqual(run(HOUR), ["0.00 join casa remembered", "2.36 info: Wi-Fi: joined casa, address 192.0.2.9", "2.36 ready"]);
});

test("where the remembered access point has gone, another one of the network is joined, and remembered from then on", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA, { bssid: "casa-2", channel: 1 })], {
		ssid: "casa",
		bssid: "casa-1",
		channel: 6,
	});
	deepEqual(run(HOUR), [
		"0.00 join casa remembered",
		"1.66 join casa",
		"4.02 info: Wi-Fi: joined casa, address 192.0.2.9",
		"4.02 ready",
	]);
	deepEqual(driver.hint, { ssid: "casa", bssid: "casa-2", channel: 1 });
});

test("a remembered access point of a network that is no longer in the settings is not joined", () => {
	const { run } = board([CASA], [accessPoint(CASA), accessPoint(OFFICE)], {
		ssid: "office",
		bssid: "office-1",
		channel: 6,
	});
	deepEqual(run(HOUR)[0], "0.00 join casa");
});

test("a remembered access point without an address for the board is given up, and no more preferred", () => {
	const { run, driver } = board(
		[CASA, OFFICE],
		[accessPoint(CASA, { fault: "no DHCP", rssi: -80 }), accessPoint(OFFICE)],
		{
			ssid: "casa",
			bssid: "casa-1",
			channel: 6,
		},
	);
	deepEqual(run(HOUR), [
		"0.00 join casa remembered",
		"30.42 stop",
		"30.52 scan",
		"32.08 join office",
		"34.44 info: Wi-Fi: joined office, address 192.0.2.9",
		"34.44 ready",
	]);
	equal(driver.hint?.ssid, "office");
});

test("a lost network is told with its reason, and joined again at once", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA)]);
	run(2 * MINUTE);
	driver.lose("the access point ended it (reason 8)");
	deepEqual(run(2 * HOUR), [
		"120.00 warning: Wi-Fi: lost casa: the access point ended it (reason 8)",
		"120.00 not ready",
		"120.10 join casa remembered",
		"121.02 info: Wi-Fi: joined casa, address 192.0.2.9",
		"121.02 ready",
	]);
});

test("an hour without the access point is one warning, an attempt every seven seconds, and a restart of the radio every ten minutes", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA)]);
	run(2 * MINUTE);
	const [casa] = driver.air.splice(0);
	driver.lose("the access point is no longer heard (reason 200)");
	const lines = run(HOUR);
	deepEqual(lines.slice(0, 5), [
		"120.00 warning: Wi-Fi: lost casa: the access point is no longer heard (reason 200)",
		"120.00 not ready",
		"120.10 join casa remembered",
		"121.76 join casa",
		"128.42 join casa",
	]);
	equal(starting(lines, "warning").length, 1);
	equal(starting(lines, "info").length, 0);
	equal(starting(lines, "stop").length, 5);
	const attempts = starting(lines, "join").length;
	ok(attempts > 530 && attempts < 560, `${attempts} attempts`);
	driver.air.push(casa as AccessPoint);
	deepEqual(starting(run(10_000), "info").length, 1);
});

test("a network that is not there at the start is told once, when each network was tried", () => {
	const { run, driver } = board([CASA, GARDEN], []);
	deepEqual(run(5_000), [
		"0.00 scan",
		"1.56 join casa",
		"3.22 join garden",
		"4.88 warning: Wi-Fi: not joined to casa: not found (reason 201); garden: not found (reason 201); trying again",
	]);
	deepEqual(starting(run(HOUR), "warning"), []);
	driver.air.push(accessPoint(GARDEN));
	equal(starting(run(20_000), "info: Wi-Fi: joined garden").length, 1);
});

test("the strongest network is joined first", () => {
	const { run } = board(
		[CASA, OFFICE, GARDEN],
		[
			accessPoint(CASA, { rssi: -80 }),
			accessPoint(OFFICE, { rssi: -70 }),
			accessPoint(GARDEN, { rssi: -75 }),
			accessPoint(GARDEN, { bssid: "garden-2", rssi: -50 }),
		],
	);
	deepEqual(run(HOUR), [
		"0.00 scan",
		"1.56 join garden",
		"3.92 info: Wi-Fi: joined garden, address 192.0.2.9",
		"3.92 ready",
	]);
});

test("a network that hides its name is tried after those that were found", () => {
	const { run } = board([CASA, OFFICE], [accessPoint(CASA, { hidden: true }), accessPoint(OFFICE, { fault: "mute" })]);
	deepEqual(run(HOUR), [
		"0.00 scan",
		"1.56 join office",
		"4.22 join casa",
		"6.58 info: Wi-Fi: joined casa, address 192.0.2.9",
		"6.58 ready",
	]);
});

test("a stronger network that refuses the password does not keep the board from the weaker one", () => {
	const { run } = board(
		[CASA, OFFICE],
		[accessPoint(CASA, { password: "changed", rssi: -40 }), accessPoint(OFFICE, { rssi: -80 })],
	);
	deepEqual(run(HOUR), [
		"0.00 scan",
		"1.56 join casa",
		"6.22 join office",
		"8.58 info: Wi-Fi: joined office, address 192.0.2.9",
		"8.58 ready",
	]);
});

test("a wrong password is told, tried once a minute from the second refusal on, and the right one is joined", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA, { password: "changed" })]);
	deepEqual(run(20_000), [
		"0.00 join casa",
		"4.66 warning: Wi-Fi: not joined to casa: wrong password (reason 15); trying again",
		"9.66 join casa",
		"16.32 join casa",
	]);
	deepEqual(run(3 * MINUTE), [
		"20.88 warning: Wi-Fi: casa: wrong password (reason 15); trying it once a minute",
		"80.98 join casa",
		"87.64 join casa",
		"152.30 join casa",
		"158.96 join casa",
	]);
	deepEqual(starting(run(HOUR), "warning"), []);
	(driver.air[0] as AccessPoint).password = "secret word";
	equal(starting(run(2 * MINUTE), "info: Wi-Fi: joined casa").length, 1);
});

test("a refusal that is followed by success is forgotten", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA, { password: "changed" })]);
	run(9_000);
	(driver.air[0] as AccessPoint).password = "secret word";
	run(MINUTE);
	(driver.air[0] as AccessPoint).password = "changed again";
	driver.lose("the access point ended it (reason 3)");
	const lines = run(30_000);
	equal(starting(lines, "join").length, 5);
	equal(starting(lines, "warning: Wi-Fi: casa: wrong password").length, 0);
});

test("the password is never told", () => {
	const air = [accessPoint(CASA, { password: "changed" })];
	const { run, driver } = board([CASA], air);
	let lines = run(5 * MINUTE);
	air.splice(0, 1, accessPoint(CASA));
	lines = lines.concat(run(5 * MINUTE));
	driver.lose("disconnected (reason 1)");
	lines = lines.concat(run(5 * MINUTE));
	equal(starting(lines, "info").length, 2);
	equal(lines.join().includes("secret"), false);
});

test("an attempt that gets no address is given up after thirty seconds", () => {
	const { run } = board([CASA], [accessPoint(CASA, { fault: "no DHCP" })]);
	deepEqual(run(40_000), [
		"0.00 join casa",
		"31.86 stop",
		"31.96 warning: Wi-Fi: not joined to casa: no address; trying again",
		"36.96 join casa",
	]);
});

test("an attempt that the driver never ends is given up after fifteen seconds", () => {
	const { run } = board([CASA], [accessPoint(CASA, { fault: "stuck" })]);
	deepEqual(run(20_200), [
		"0.00 join casa",
		"15.00 stop",
		"15.10 warning: Wi-Fi: not joined to casa: no answer; trying again",
		"20.10 join casa",
	]);
});

test("an address that is lost makes the network not ready, and one that comes back makes it ready, in silence", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA)]);
	run(MINUTE);
	driver.loseAddress();
	run(10_000);
	driver.giveAddress("192.0.2.10");
	deepEqual(run(HOUR), ["70.00 ready"]);
});

test("an address that does not come back counts as an outage after thirty seconds", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA)]);
	run(MINUTE);
	driver.loseAddress();
	deepEqual(run(HOUR), [
		"60.00 not ready",
		"90.00 stop",
		"90.10 warning: Wi-Fi: not joined to casa: no address; trying again",
		"95.10 join casa",
		"97.46 info: Wi-Fi: joined casa, address 192.0.2.9",
		"97.46 ready",
	]);
});

test("an address that changes says nothing", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA)]);
	run(MINUTE);
	driver.giveAddress("192.0.2.10");
	deepEqual(run(HOUR), []);
});

test("what the driver complains of is told once, and the attempt is made again", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA)]);
	run(MINUTE);
	driver.complaint = "ESP_ERR_NO_MEM";
	driver.lose("the access point ended it (reason 8)");
	run(100);
	const lines = run(MINUTE);
	equal(starting(lines, "join").length, 12);
	equal(starting(lines, "warning").length, 0);
	driver.complaint = undefined;
	equal(starting(run(10_000), "info").length, 1);
});

test("what the driver complains of at the start is told once as well", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA)], undefined, "ESP_ERR_NO_MEM");
	deepEqual(run(6_000), [
		"0.00 join casa",
		"0.10 warning: Wi-Fi: not joined to casa: ESP_ERR_NO_MEM; trying again",
		"5.10 join casa",
	]);
	deepEqual(starting(run(HOUR), "warning"), []);
	driver.complaint = undefined;
	equal(starting(run(10_000), "info").length, 1);
});

test("where no scan can be had, the networks are tried in the order of the settings", () => {
	const { run, driver } = board([CASA, OFFICE], [accessPoint(OFFICE)]);
	driver.scan = () => "ESP_ERR_WIFI_STATE";
	run(2 * MINUTE);
	driver.air.splice(0);
	driver.lose("the access point is no longer heard (reason 200)");
	deepEqual(starting(run(6_000), "join"), ["120.10 join office remembered", "121.76 join casa", "123.42 join office"]);
});

test("a scan is not waited for longer than five seconds, nor missed when it ends after all", () => {
	const { run, driver } = board([CASA, OFFICE], []);
	run(6_000);
	driver.air.push(accessPoint(OFFICE));
	driver.scanDuration = HOUR;
	deepEqual(run(20_000), [
		"9.88 scan",
		"14.88 join casa",
		"16.54 join office",
		"18.90 info: Wi-Fi: joined office, address 192.0.2.9",
		"18.90 ready",
	]);
});

test("what the driver still says of a network that was given up changes nothing", () => {
	const { run, driver } = board([CASA], []);
	run(2_000);
	driver.lose("disconnected (reason 1)");
	deepEqual(run(4_600), []);
	driver.air.push(accessPoint(CASA));
	deepEqual(run(3_000)[0], "6.66 join casa");
	run(MINUTE);
	driver.lose("the access point ended it (reason 8)");
	driver.lose("the access point ended it (reason 8)");
	deepEqual(starting(run(HOUR), "join"), ["69.70 join casa remembered"]);
});

test("an access point that admits the board and sends it away, again and again, is told of once, and asked every five seconds", () => {
	const { run, driver } = board([CASA], [accessPoint(CASA)]);
	run(MINUTE);
	const lines: string[] = [];
	for (let times = 0; times < 200; times++) {
		driver.lose("the access point ended it (reason 8)");
		lines.push(...run(10_000));
	}
	deepEqual(lines.slice(0, 9), [
		"60.00 warning: Wi-Fi: lost casa: the access point ended it (reason 8)",
		"60.00 not ready",
		"60.10 join casa remembered",
		"61.02 info: Wi-Fi: joined casa, address 192.0.2.9",
		"61.02 ready",
		"70.00 not ready",
		"75.00 join casa",
		"77.36 ready",
		"80.00 not ready",
	]);
	equal(starting(lines, "warning").length, 1);
	equal(starting(lines, "info").length, 1);
	equal(starting(lines, "ready").length, 200);
	equal(starting(lines, "join").length, 200);
	deepEqual(run(HOUR), []);
	driver.lose("the access point ended it (reason 8)");
	equal(starting(run(10_000), "warning").length, 1);
});

/** Each end of the network is told before the next one, and each end before the next beginning. */
function checkTold(lines: string[], message: string): void {
	let before = "";
	for (const line of lines) {
		const [, now] = /Wi-Fi: (joined|lost|not joined)/.exec(line) ?? [];
		if (now === undefined) continue;
		ok((now === "joined") !== (before === "joined") || before === "", `${message}: ${before}, then ${line}`);
		before = now;
	}
}

test("in any air the driver is used as it wants to be, no outage is told twice, and a network that stays is joined", () => {
	for (let seed = 1; seed <= 12; seed++) {
		let state = seed;
		const random = (below: number) => {
			state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
			return Math.floor((state / 2 ** 32) * below);
		};
		const networks = [CASA, OFFICE, GARDEN].slice(0, 1 + random(3));
		const faults = [undefined, undefined, "mute", "no DHCP", "stuck"] as const;
		const { run, driver, ready } = board(networks, []);
		const lines: string[] = [];
		const change = (air: AccessPoint[]) => {
			const associated = driver.associated();
			driver.air.splice(0, driver.air.length, ...air);
			if (associated) driver.lose("the access point is no longer heard (reason 200)");
		};
		for (let turn = 0; turn < 40; turn++) {
			const air: AccessPoint[] = [];
			for (const network of networks) {
				const fault = faults[random(faults.length)];
				const password = network.password !== undefined && random(4) === 0 ? { password: "changed" } : {};
				if (random(2) === 0) {
					air.push(accessPoint(network, { rssi: -30 - random(60), ...password, ...(fault && { fault }) }));
				}
			}
			change(air);
			lines.push(...run(1_000 * (1 + random(turn % 4 === 0 ? 120 : 40))));
		}
		change([accessPoint(networks[random(networks.length)] as Wifi)]);
		lines.push(...run(4 * MINUTE));
		equal(ready(), true, `seed ${seed}`);
		deepEqual(run(HOUR), [], `seed ${seed}`);
		checkTold(lines, `seed ${seed}`);
		const attempts = starting(lines, "join").map((line) => Number.parseFloat(line));
		for (const [index, time] of attempts.entries()) {
			const inAMinute = attempts.slice(index).filter((later) => later < time + 60).length;
			ok(inAMinute <= 30, `seed ${seed}: ${inAMinute} attempts in a minute`);
		}
	}
});

test("the board's name in the network is made of the station's id", () => {
	deepEqual(["a1b2c3", "Casa_Cocina.1", "-.-", "x".repeat(64), `${"y".repeat(24)}.${"z".repeat(39)}`].map(hostnameOf), [
		"veleta-a1b2c3",
		"veleta-Casa-Cocina-1",
		"veleta",
		`veleta-${"x".repeat(25)}`,
		`veleta-${"y".repeat(24)}`,
	]);
});
