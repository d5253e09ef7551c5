/** The server of the observatory's page: each route, who may ask, and what it says when something is wrong. */
import assert from "node:assert/strict";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { hostname } from "node:os";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { LiveEvent, StationView } from "../../commands/observatory/api.ts";
import { isOurHost, isOurPage, PasswordCheck } from "../../commands/observatory/page/access.ts";
import { CLIENTS_MAXIMUM } from "../../commands/observatory/page/events.ts";
import { metricName, metricsOf } from "../../commands/observatory/page/metrics.ts";
import { type PageOptions, type RunningPage, startPage } from "../../commands/observatory/page/server.ts";
import { PageSource, QUANTITIES } from "../harness/page-source.ts";
import { until } from "../harness/wait.ts";

/** What must never be HTML, break a line, or end a text. */
const STRANGE = 'veleta/<img src=x onerror="alert(1)">\\ "quoted"\n\r\u2028 ünï \u{1f326}';
const START = Date.UTC(2026, 10, 21, 12);

interface Answer {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly body: Buffer;
	readonly text: string;
}

interface Question {
	readonly method?: string;
	readonly headers?: Record<string, string>;
	readonly body?: string;
}

function ask(page: RunningPage, path: string, { method = "GET", headers = {}, body }: Question = {}): Promise<Answer> {
	const { hostname: host, port } = new URL(page.url);
	return new Promise((resolve, reject) => {
		const asked = request({ host, port, path, method, headers, agent: false }, (response) => {
			const chunks: Buffer[] = [];
			response.on("data", (chunk: Buffer) => chunks.push(chunk));
			response.on("end", () => {
				const whole = Buffer.concat(chunks);
				resolve({ status: response.statusCode!, headers: response.headers, body: whole, text: whole.toString() });
			});
		});
		asked.on("error", reject);
		asked.end(body);
	});
}

const json = ({ text }: Answer) => JSON.parse(text);

/** A page with a station on the terrace, which has three readings. */
async function started(options: Partial<PageOptions> = {}): Promise<{ source: PageSource; page: RunningPage }> {
	const source = (options.source as PageSource | undefined) ?? new PageSource();
	source.add("veleta/terrace", { since: START, missing: 2, lost: 1 });
	source.fill("veleta/terrace", START, START + 120_000, (time) => ({
		temperature: 17 + (time - START) / 60_000,
		humidity: 50.5,
		pressure: 1_024.5,
	}));
	const page = await startPage({ host: "127.0.0.1", port: 0, ...options, source });
	after(() => page.close());
	return { source, page };
}

const COMMAND = { topic: "veleta/terrace", command: "sample", payload: "" };

function command(page: RunningPage, value: unknown, headers: Record<string, string> = {}): Promise<Answer> {
	const body = typeof value === "string" ? value : JSON.stringify(value);
	return ask(page, "/api/command", {
		method: "POST",
		headers: { "Content-Type": "application/json", ...headers },
		body,
	});
}

test("the page is three files, which are compressed and asked for again only when they change", async () => {
	const { page } = await started();
	for (const [path, type] of [
		["/", "text/html"],
		["/app.js", "text/javascript"],
		["/style.css", "text/css"],
	] as const) {
		const plain = await ask(page, path);
		assert.equal(plain.status, 200);
		assert.equal(plain.headers["content-type"], `${type}; charset=utf-8`);
		assert.equal(Number(plain.headers["content-length"]), plain.body.length);
		assert.equal(plain.headers["content-encoding"], undefined);
		assert.equal(plain.headers.vary, "Accept-Encoding");
		const zipped = await ask(page, path, { headers: { "Accept-Encoding": "br, gzip" } });
		assert.equal(zipped.headers["content-encoding"], "gzip");
		assert.deepEqual(gunzipSync(zipped.body), plain.body);
		assert.notEqual(zipped.headers.etag, plain.headers.etag);
		const refused = await ask(page, path, { headers: { "Accept-Encoding": "gzip;q=0" } });
		assert.equal(refused.headers["content-encoding"], undefined);
		for (const known of [plain.headers.etag!, `"other", W/${plain.headers.etag}`, "*"]) {
			const again = await ask(page, path, { headers: { "If-None-Match": known } });
			assert.equal(again.status, 304);
			assert.equal(again.body.length, 0);
		}
		assert.equal((await ask(page, path, { headers: { "If-None-Match": '"other"' } })).status, 200);
		const head = await ask(page, path, { method: "HEAD" });
		assert.equal(head.status, 200);
		assert.equal(head.headers["content-length"], plain.headers["content-length"]);
		assert.equal(head.body.length, 0);
	}
});

test("the page is small, and names nothing from elsewhere", async () => {
	const { page } = await started();
	const files = await Promise.all(["/", "/app.js", "/style.css"].map((path) => ask(page, path)));
	const size = files.reduce((sum, { body }) => sum + body.length, 0);
	assert.ok(size < 150_000, `${size} bytes`);
	for (const { text } of files) {
		const links = text.match(/\b(?:https?:)?\/\/[\w.-]+\.\w+[^\s"'`)]*/g) ?? [];
		// Names of XML's kinds of elements, which nobody fetches.
		assert.deepEqual(
			links.filter((link) => !link.includes("www.w3.org/")),
			[],
		);
	}
});

test("every answer forbids what the page does not need", async () => {
	const { page } = await started();
	for (const path of ["/", "/api/stations", "/metrics", "/healthz", "/nothing", "/api/chart"]) {
		const { headers } = await ask(page, path);
		const policy = headers["content-security-policy"] as string;
		for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"])
			assert.ok(policy.includes(part), part);
		assert.ok(!policy.includes("unsafe"));
		assert.equal(headers["x-content-type-options"], "nosniff");
		assert.equal(headers["referrer-policy"], "no-referrer");
		assert.equal(headers["cache-control"], path === "/" ? "no-cache" : "no-store");
	}
});

test("stations, a chart and losses come as JSON", async () => {
	const { source, page } = await started();
	const losses = [{ first: 5, last: 7, isGone: true, after: START, before: null, run: 1 }];
	source.setLosses("veleta/terrace", losses);
	const stations = await ask(page, "/api/stations");
	assert.equal(stations.headers["content-type"], "application/json; charset=utf-8");
	const counts = { all: 1, online: 1, stale: 0, asleep: 0, offline: 0, unknown: 0, incomplete: 1 };
	const list = { total: 1, counts, topics: ["veleta/terrace"], quantities: QUANTITIES };
	const [terrace] = await source.stations(["veleta/terrace"]);
	assert.deepEqual(json(stations), { ...list, stations: [terrace] });
	source.change("veleta/terrace", { diagnostics: { time: START, members: { uptime: 1 } } });
	assert.deepEqual(json(await ask(page, "/api/stations")), { ...list, stations: [terrace] }, "without diagnostics");
	const named = json(await ask(page, "/api/stations?topic=veleta%2Fterrace&topic=veleta%2Fmoon"));
	assert.deepEqual(named.topics, ["veleta/terrace"]);
	assert.deepEqual(named.stations[0].diagnostics, { time: START, members: { uptime: 1 } });
	const query = `topic=veleta%2Fterrace&quantity=temperature&from=${START}&to=${START + 120_000}`;
	assert.deepEqual(json(await ask(page, `/api/chart?${query}`)).means, [17, 18, 19]);
	const coarse = json(await ask(page, `/api/chart?${query}&points=1`));
	assert.equal(coarse.step, 120_000);
	assert.deepEqual([coarse.means[0], coarse.minima[0], coarse.maxima[0]], [17.5, 17, 18]);
	assert.deepEqual(json(await ask(page, "/api/losses?topic=veleta%2Fterrace")), losses);
});

test("a question that cannot be answered is told why, in one line", async () => {
	const { page } = await started();
	const good = { topic: "veleta/terrace", quantity: "temperature", from: "0", to: "1", points: "10" };
	const cases: [Partial<Record<keyof typeof good, string>>, string][] = [
		[{ topic: "" }, "topic: is missing"],
		[{ quantity: "" }, "quantity: is missing"],
		[{ from: "" }, "from: is missing"],
		[{ from: "soon" }, "from: must be a whole number"],
		[{ to: "1.5" }, "to: must be a whole number"],
		[{ to: "1e3" }, "to: must be a whole number"],
		[{ to: "99999999999999999999" }, "to: must be a whole number"],
		[{ from: "1" }, "from: must be before to"],
		[{ points: "0" }, "points: must be from 1 to 5000"],
		[{ points: "5001" }, "points: must be from 1 to 5000"],
		[{ topic: STRANGE }, "topic: there is no such station"],
		[{ quantity: "toString" }, "quantity: the station has no such quantity"],
	];
	for (const [wrong, message] of cases) {
		const answer = await ask(page, `/api/chart?${new URLSearchParams({ ...good, ...wrong })}`);
		assert.equal(answer.status, 400, message);
		assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
		assert.equal(answer.text, `${message}\n`);
	}
	assert.equal((await ask(page, "/api/losses")).text, "topic: is missing\n");
	assert.equal((await ask(page, "/api/losses?topic=x")).text, "topic: there is no such station\n");
	assert.equal((await ask(page, "/api/chart")).status, 400);
});

test("there is nothing else, and each route has its methods", async () => {
	const { page } = await started();
	for (const path of ["/nothing", "/api", "/api/", "/app.js/", "/../package.json", "//x", "/api/stations/x", "/%"]) {
		const answer = await ask(page, path);
		assert.equal(answer.status, 404, path);
	}
	for (const path of [
		"/",
		"/app.js",
		"/api/stations",
		"/api/chart",
		"/api/losses",
		"/api/events",
		"/metrics",
		"/healthz",
	]) {
		for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
			const answer = await ask(page, path, { method });
			assert.equal(answer.status, 405, `${method} ${path}`);
			assert.equal(answer.headers.allow, "GET, HEAD");
		}
	}
	const answer = await ask(page, "/api/command");
	assert.equal(answer.status, 405);
	assert.equal(answer.headers.allow, "POST");
});

test("what fails inside is told to the operator, not to whoever asked", async () => {
	const told: string[] = [];
	const { source, page } = await started({ onError: (message) => told.push(message) });
	source.failure = new Error("disk /secret/path is full");
	const query = `topic=veleta%2Fterrace&quantity=temperature&from=0&to=1`;
	for (const path of ["/api/stations", `/api/chart?${query}`, "/api/losses?topic=x", "/metrics"]) {
		const answer = await ask(page, path);
		assert.equal(answer.status, 500);
		assert.equal(answer.text, "The observatory has failed at this; its own output tells why.\n");
	}
	assert.equal(told.length, 4);
	assert.equal(told[1], "the page: GET /api/chart: disk /secret/path is full");
	source.failure = undefined;
	source.chart = () => Promise.reject(new Error("the store is locked"));
	assert.equal((await ask(page, `/api/chart?${query}`)).status, 500);
});

test("it is asked by an address or by this computer's name, and by no other", async () => {
	const { page } = await started();
	for (const host of ["127.0.0.1", "192.168.1.20:8080", "[::1]:8080", "localhost", "LOCALHOST:80", hostname()])
		assert.equal((await ask(page, "/api/stations", { headers: { Host: host } })).status, 200, host);
	for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "[::1].evil.example"])
		assert.equal((await ask(page, "/api/stations", { headers: { Host: host } })).status, 421, host);
	assert.ok(isOurHost("Weather.example:8080", "weather.example"));
	assert.ok(isOurHost(`${hostname()}.local`, "0.0.0.0"));
	for (const none of [undefined, "", ":80", "[]"]) assert.ok(!isOurHost(none, "0.0.0.0"), none);
	// A machine that watches over it need not know its name.
	assert.equal((await ask(page, "/healthz", { headers: { Host: "observatory" } })).status, 200);
});

test("a command reaches the station, and its reply comes back", async () => {
	const { source, page } = await started();
	source.reply = ({ payload }) => ({ ok: true, interval: Number(payload) });
	const wanted = { topic: "veleta/terrace", command: "interval", payload: "30" };
	const answer = await command(page, { ...wanted, more: "is left out" });
	assert.equal(answer.status, 200);
	assert.deepEqual(json(answer), { ok: true, interval: 30 });
	assert.deepEqual(source.commanded, [wanted]);
	source.reply = () => ({ ok: false, error: STRANGE });
	assert.deepEqual(json(await command(page, COMMAND)), { ok: false, error: STRANGE });
});

test("another site's page cannot command", async () => {
	const { source, page } = await started();
	const { host } = new URL(page.url);
	for (const headers of [
		{ Origin: "http://evil.example" },
		{ Origin: "null" },
		{ Origin: `http://${host}.evil.example` },
		{ Origin: "http://127.0.0.1:1" },
		{ "Sec-Fetch-Site": "cross-site" },
		{ "Sec-Fetch-Site": "same-site", Origin: `http://${host}` },
	]) {
		assert.equal((await command(page, COMMAND, headers as Record<string, string>)).status, 403);
	}
	for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
		assert.equal((await command(page, COMMAND, { "Content-Type": type })).status, 415, type);
	assert.deepEqual(source.commanded, []);
	const own = { Origin: `http://${host}`, "Sec-Fetch-Site": "same-origin" };
	assert.equal((await command(page, COMMAND, own)).status, 200);
	assert.equal((await command(page, COMMAND, { "Content-Type": "application/json; charset=utf-8" })).status, 200);
	// Behind something that does TLS.
	assert.ok(isOurPage({ host: "weather.example", origin: "https://weather.example" }));
});

test("a command that is none is refused", async () => {
	const { source, page } = await started();
	source.add("Casa/Cocina", { takesCommands: false });
	for (const [value, message] of [
		["{", "This is no JSON."],
		["null", "topic: must be a text"],
		[[], "topic: must be a text"],
		[{ ...COMMAND, topic: 1 }, "topic: must be a text"],
		[{ ...COMMAND, command: "update" }, "command: must be one of sample, interval, restart, status"],
		[{ ...COMMAND, command: ["sample"] }, "command: must be one of sample, interval, restart, status"],
		[{ ...COMMAND, payload: { a: 1 } }, "payload: must be a text"],
		[{ ...COMMAND, topic: "veleta/+" }, "topic: there is no such station"],
		[{ ...COMMAND, topic: "Casa/Cocina" }, "topic: this station takes no commands"],
	] as const) {
		const answer = await command(page, value);
		assert.equal(answer.status, 400);
		assert.equal(answer.text, `${message}\n`);
	}
	const large = { ...COMMAND, payload: "x".repeat(4_096) };
	assert.equal((await command(page, large)).status, 413);
	const chunked = await command(page, large, { "Transfer-Encoding": "chunked" });
	assert.equal(chunked.status, 413);
	assert.deepEqual(source.commanded, []);
});

test("where nobody may command, no station takes commands", async () => {
	const source = new PageSource();
	source.command = undefined;
	const { page } = await started({ source });
	assert.equal((await command(page, COMMAND)).status, 403);
	assert.deepEqual(
		json(await ask(page, "/api/stations")).stations.map(({ takesCommands }: StationView) => takesCommands),
		[false],
	);
	const events = await listen(page);
	const station = () => parsed(events).find((event) => event.type === "station");
	await until("an event", () => station() !== undefined);
	assert.equal(station()!.station.takesCommands, false);
});

test("a password is asked for everywhere but at /healthz, and guessing becomes slow", async () => {
	const { page } = await started({ password: "tramontana ü:" });
	const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString("base64")}` });
	for (const path of ["/", "/app.js", "/api/stations", "/api/events", "/metrics", "/nothing"]) {
		const answer = await ask(page, path);
		assert.equal(answer.status, 401, path);
		assert.match(String(answer.headers["www-authenticate"]), /^Basic realm="Veleta"/);
	}
	assert.equal((await ask(page, "/api/command", { method: "POST" })).status, 401);
	assert.equal((await ask(page, "/healthz")).status, 200);
	assert.equal((await ask(page, "/api/stations", { headers: basic("anybody:tramontana ü:") })).status, 200);
	assert.equal((await ask(page, "/api/stations", { headers: basic(":tramontana ü:") })).status, 200);
	// At once: a try more is due every two seconds.
	const guesses = [
		"tramontana ü:",
		...Array.from({ length: 15 }, (_, index) => `a:${"tramontana ü:".slice(0, index)}x`),
	];
	const answers = await Promise.all(guesses.map((wrong) => ask(page, "/", { headers: basic(wrong) })));
	const statuses = new Set(answers.map(({ status }) => status));
	assert.deepEqual([...statuses].sort(), [401, 429]);
});

test("an address that has guessed five times may guess again every two seconds; others are not slowed down", () => {
	const check = new PasswordCheck("right");
	const basic = (password: string) => `basic ${Buffer.from(`user:${password}`).toString("base64")}`;
	const guess = (now: number, address = "192.0.2.1", password = "wrong") => check.check(basic(password), address, now);
	for (let count = 0; count < 5; count++) assert.equal(guess(1_000), "wrong");
	assert.equal(guess(1_000), "too many");
	assert.equal(guess(1_000, "192.0.2.1", "right"), "too many", "or whoever guesses would see which one is right");
	assert.equal(guess(1_000, "192.0.2.2"), "wrong");
	assert.equal(guess(1_000, "192.0.2.3", "right"), "right");
	assert.equal(guess(3_000), "wrong");
	assert.equal(guess(3_000), "too many");
	assert.equal(guess(4_999, "192.0.2.1", "right"), "too many");
	assert.equal(guess(5_000, "192.0.2.1", "right"), "right");
	for (let count = 0; count < 5; count++) assert.equal(guess(60_000, `2001:db8::${count}`), "wrong");
	assert.equal(guess(60_000, "2001:db8:0:0:ffff::9"), "too many", "one network");
	assert.equal(guess(60_000, "2001:db8:0:1::9"), "wrong");
	for (const header of [
		undefined,
		"",
		"Bearer abc",
		"Basic",
		"Basic !",
		`Basic ${Buffer.from("x").toString("base64")}`,
	])
		assert.equal(check.check(header, "192.0.2.9", 0), "missing");
	for (let count = 0; count < 2_000; count++) guess(90_000, `10.0.${count >> 8}.${count & 255}`);
	assert.equal(guess(60_001, "2001:db8:0:0:ffff::9"), "wrong", "the oldest are forgotten");
});

test("/healthz says why the observatory does not do its work", async () => {
	const { source, page } = await started();
	const well = await ask(page, "/healthz");
	assert.deepEqual([well.status, well.text], [200, "ok\n"]);
	source.trouble = "the broker does not answer";
	const ill = await ask(page, "/healthz");
	assert.deepEqual([ill.status, ill.text], [503, "the broker does not answer\n"]);
});

/** The lines of a stream of events, as they come. */
async function listen(page: RunningPage, query = ""): Promise<string[]> {
	const lines: string[] = [];
	const response = await new Promise<IncomingMessage>((resolve, reject) => {
		request(new URL(`/api/events${query}`, page.url), { agent: false }, resolve)
			.on("error", reject)
			.end();
	});
	assert.equal(response.headers["content-type"], "text/event-stream; charset=utf-8");
	response.setEncoding("utf8");
	// The page's end cuts it.
	response.on("error", () => {});
	let rest = "";
	response.on("data", (text: string) => {
		const parts = (rest + text).split("\n\n");
		rest = parts.pop()!;
		lines.push(...parts);
	});
	await until("the beginning of the stream", () => lines.length > 0);
	return lines;
}

function parsed(lines: readonly string[]): LiveEvent[] {
	const texts = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice("data: ".length));
	return texts.flatMap((text) => JSON.parse(text));
}

test("events reach all who listen, whole, whatever their texts are", async () => {
	const { source, page } = await started();
	const one = await listen(page);
	const other = await listen(page);
	assert.equal(one[0], "retry: 2000");
	source.add(STRANGE, { diagnostics: { time: START, members: { [STRANGE]: `${STRANGE}\n\ndata: {}` } } });
	for (const lines of [one, other]) {
		const found = () => parsed(lines).find((event) => event.type === "station" && event.station.topic === STRANGE);
		await until("the station", () => found() !== undefined);
	}
	source.publish(STRANGE, START, { temperature: 1 });
	for (const lines of [one, other]) {
		const found = () => parsed(lines).find((event) => event.type === "reading");
		await until("the reading", () => found() !== undefined);
		const { topic, reading } = found() as Extract<LiveEvent, { type: "reading" }>;
		assert.equal(topic, STRANGE);
		assert.deepEqual(reading.quantities, { temperature: 1 });
	}
	const single = await listen(page, `?topic=${encodeURIComponent(STRANGE)}`);
	const whole = () => parsed(single).find((event) => event.type === "station");
	await until("the station as a whole", () => whole() !== undefined);
	assert.deepEqual(whole()!.station.diagnostics!.members, { [STRANGE]: `${STRANGE}\n\ndata: {}` });
});

test("what a list sends is bounded, whatever stations there are and are called", async () => {
	const { source, page } = await started();
	const long = "x".repeat(512 - "veleta/0000".length);
	const quantities = Array.from({ length: 64 }, (_, index) => ({
		...{ name: `${index}`.padEnd(64, "y"), unit: null, decimals: null },
	}));
	const values = Object.fromEntries(quantities.map(({ name }) => [name, 1.234567890123456]));
	for (let number = 0; number < 3_000; number++) {
		source.add(`veleta/${number}${long}`, {
			quantities,
			last: { time: START, isTimed: true, seq: number, quantities: values },
			diagnostics: { time: START, members: { text: "z".repeat(8_000) } },
		});
	}
	const answer = await ask(page, "/api/stations");
	assert.equal(json(answer).total, 3_001);
	assert.equal(json(answer).stations.length, 48);
	assert.ok(answer.body.length < 200_000, `${answer.body.length} bytes`);
	const events = await listen(page);
	await until("the list", () => parsed(events).some(({ type }) => type === "list"));
	const bytes = events.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
	assert.ok(bytes < 200_000, `${bytes} bytes`);
});

test("a list that cannot be asked for is told why", async () => {
	const { page } = await started();
	const many = Array.from({ length: 17 }, (_, index) => `topic=${index}`).join("&");
	for (const [query, message] of [
		["show=lost", "show: must be one of all, online, stale, asleep, offline, unknown, incomplete"],
		["count=0", "count: must be from 1 to 48"],
		["count=49", "count: must be from 1 to 48"],
		["from=-1", "from: must be 0 or more"],
		["from=x", "from: must be a whole number"],
		[`text=${"x".repeat(201)}`, "text: has 200 characters at the most"],
		[many, "topic: up to 16 at a time"],
		["topic=a&topic=%00", "topic: has no character U+0000"],
	] as const) {
		for (const path of ["/api/stations", "/api/events"]) {
			const answer = await ask(page, `${path}?${query}`);
			assert.deepEqual([answer.status, answer.text], [400, `${message}\n`]);
		}
	}
	const found = json(await ask(page, "/api/stations?text=TERRACE&show=incomplete&quantity=humidity&from=0&count=1"));
	assert.deepEqual(found.topics, ["veleta/terrace"]);
	assert.deepEqual(json(await ask(page, "/api/stations?text=cellar")).topics, []);
});

test("more pages than there is room for are told to come again", async () => {
	const { page } = await started();
	const { port } = new URL(page.url);
	const sockets: Socket[] = [];
	const open = async () => {
		const socket = connect(Number(port), "127.0.0.1");
		sockets.push(socket);
		let text = "";
		socket.setEncoding("utf8").on("data", (chunk: string) => {
			text += chunk;
		});
		socket.write("GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
		return until("an answer", () => /^HTTP\/1.1 (\d+)/.exec(text)?.[1]);
	};
	const statuses: string[] = [];
	for (let count = 0; count < CLIENTS_MAXIMUM; count++) statuses.push(await open());
	assert.deepEqual(new Set(statuses), new Set(["200"]));
	assert.equal(await open(), "503");
	sockets[0]!.destroy();
	await until("room for another page", async () => (await open()) === "200");
	for (const socket of sockets) socket.destroy();
});

/** Lines of text format 0.0.4 by their series; fails where a line is none. */
function samplesOf(text: string): Map<string, number> {
	const samples = new Map<string, number>();
	assert.ok(text.endsWith("\n"));
	let family = "";
	const families = new Set<string>();
	for (const line of text.slice(0, -1).split("\n")) {
		const [, kind, name] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) \S/.exec(line) ?? [];
		if (kind === "HELP") {
			assert.ok(!families.has(name!), `${name} comes twice`);
			families.add((family = name!));
		}
		if (kind !== undefined) {
			assert.equal(name, family);
			continue;
		}
		const label = '[a-zA-Z_]\\w*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
		const sample = new RegExp(`^(([a-zA-Z_:][\\w:]*)(?:\\{${label}(?:,${label})*\\})?) (\\S+)$`).exec(line);
		assert.ok(sample, `no sample: ${JSON.stringify(line)}`);
		assert.equal(sample[2], family);
		assert.ok(!samples.has(sample[1]!), `${sample[1]} comes twice`);
		samples.set(sample[1]!, Number(sample[3]!.replace("Inf", "Infinity")));
	}
	return samples;
}

test("/metrics has each station's last values, its state, its gaps, and the counters", async () => {
	const { source, page } = await started();
	source.counted = [
		{ name: "veleta_readings_stored_total", help: "Readings in the\nstore \\ all.", type: "counter", value: 1_234_567 },
		{ name: "veleta_store_bytes", help: "Its size.", type: "gauge", value: 4_096 },
	];
	source.add("veleta/cellar", { status: "unknown", missing: 0 });
	source.add("aemet/3195", { status: "stale", takesCommands: false });
	const answer = await ask(page, "/metrics");
	assert.equal(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
	const samples = samplesOf(answer.text);
	const terrace = '{station="veleta/terrace"}';
	for (const [series, value] of Object.entries({
		veleta_readings_stored_total: 1_234_567,
		veleta_store_bytes: 4_096,
		[`veleta_temperature_celsius${terrace}`]: 19,
		[`veleta_humidity_percent${terrace}`]: 50.5,
		[`veleta_pressure_hectopascals${terrace}`]: 1_024.5,
		[`veleta_last_reading_timestamp_seconds${terrace}`]: START / 1_000 + 120,
		[`veleta_missing_readings${terrace}`]: 2,
		[`veleta_lost_readings${terrace}`]: 1,
		'veleta_status{station="veleta/terrace",state="online"}': 1,
		'veleta_status{station="veleta/terrace",state="stale"}': 0,
		'veleta_status{station="veleta/terrace",state="offline"}': 0,
		'veleta_status{station="aemet/3195",state="online"}': 0,
		'veleta_status{station="aemet/3195",state="stale"}': 1,
		'veleta_status{station="veleta/cellar",state="unknown"}': 1,
		'veleta_missing_readings{station="veleta/cellar"}': 0,
	}))
		assert.equal(samples.get(series), value, series);
	assert.ok(answer.text.includes("# HELP veleta_readings_stored_total Readings in the\\nstore \\\\ all.\n"));
	assert.ok(answer.text.includes("# TYPE veleta_readings_stored_total counter\n"));
	assert.equal([...samples.keys()].filter((series) => series.includes("cellar")).length, 7);
});

test("/metrics of thousands is made of some at a time, once for all who ask", async () => {
	const { source, page } = await started();
	for (let number = 0; number < 3_000; number++)
		source.add(`veleta/${number}`, {
			last: { time: START, isTimed: true, seq: 1, quantities: { temperature: number } },
		});
	source.asked.length = 0;
	const answers = await Promise.all([ask(page, "/metrics"), ask(page, "/metrics"), ask(page, "/metrics")]);
	const samples = samplesOf(answers[0]!.text);
	assert.equal(samples.get('veleta_temperature_celsius{station="veleta/2999"}'), 2_999);
	assert.equal([...samples.keys()].filter((series) => series.startsWith("veleta_temperature_celsius")).length, 3_001);
	for (const { text } of answers) assert.equal(text, answers[0]!.text);
	assert.ok(Math.max(...source.asked) <= 250, `${Math.max(...source.asked)} at a time`);
	const head = await ask(page, "/metrics", { method: "HEAD" });
	assert.deepEqual([head.status, head.body.length], [200, 0]);
});

/** One at a time. */
async function* some(stations: readonly StationView[]): AsyncGenerator<StationView[]> {
	for (const station of stations) yield [station];
}

test("whatever topics and quantities are called, Prometheus can read it", async () => {
	const names = [
		STRANGE,
		"a b",
		"a_b",
		"A-B",
		"",
		"ünï",
		"9",
		"status",
		"missingReadings",
		"x".repeat(500),
		"__proto__",
	];
	const quantities = names.map((name) => ({ name, unit: null, decimals: null }));
	const values = Object.fromEntries(names.map((name, index) => [name, index]));
	Object.defineProperty(values, "__proto__", { value: 10, enumerable: true });
	const station: StationView = {
		...{ topic: STRANGE, status: "online", since: null, quantities, diagnostics: null },
		...{ missing: 0, lost: 0, takesCommands: false },
		last: { time: START, isTimed: false, seq: null, quantities: values },
	};
	const other = { ...station, topic: "veleta/other", quantities: [{ ...quantities[1]!, unit: "°C" }] };
	const extremes = {
		...station,
		topic: "veleta/extremes",
		last: { ...station.last!, quantities: { a: 1e300, b: -1e-7 } },
	};
	const samples = samplesOf((await metricsOf(some([station, other, extremes]), [])).join(""));
	const label = `station="${STRANGE.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
	assert.equal(samples.get(`veleta_a_b{${label}}`), 1);
	assert.equal(samples.get(`veleta_a_b_2{${label}}`), 2);
	assert.equal(samples.get(`veleta_a_b_3{${label}}`), 3);
	assert.equal(samples.get(`veleta_value{${label}}`), 4);
	assert.equal(samples.get(`veleta_status_2{${label}}`), 7);
	assert.equal(samples.get(`veleta_missing_readings_2{${label}}`), 8);
	assert.equal(samples.get(`veleta_missing_readings{${label}}`), 0);
	assert.equal(samples.get('veleta_a_b_celsius{station="veleta/other"}'), 1);
	assert.equal(samples.get('veleta_b{station="veleta/extremes"}'), -1e-7);
	assert.equal(metricName("seaLevelPressure", "hPa"), "veleta_sea_level_pressure_hectopascals");
	assert.equal(metricName("PM2.5", "µg/m³"), "veleta_pm2_5_micrograms_per_cubic_meter");
	assert.equal(metricName("temperature_celsius", "°C"), "veleta_temperature_celsius");
});

test("a port that cannot be had is told for a person", async () => {
	const source = new PageSource();
	const { page } = await started();
	const { port } = new URL(page.url);
	const wanted = { source, host: "127.0.0.1", port: Number(port) };
	await assert.rejects(startPage(wanted), { message: `port ${port}: another program has this port` });
	await assert.rejects(startPage({ ...wanted, host: "192.0.2.1" }), {
		message: `port ${port}: this computer does not have this address`,
	});
	assert.equal(source.listeners, 0);
});

test("its end ends everything, also streams that are open", async () => {
	const { source, page } = await started();
	await listen(page);
	assert.equal(source.listeners, 1);
	await page.close();
	assert.equal(source.listeners, 0);
	await assert.rejects(ask(page, "/"), { code: "ECONNREFUSED" });
});

test("garbage instead of a request is answered, and harms nobody", async () => {
	const { page } = await started();
	const { port } = new URL(page.url);
	for (const text of [
		"\r\n\r\nGET",
		"GET / HTTP/9.9\r\n\r\n",
		`GET /${"x".repeat(20_000)} HTTP/1.1\r\n\r\n`,
		"\0\0\0\r\n\r\n",
	]) {
		const socket = connect(Number(port), "127.0.0.1");
		let isClosed = false;
		socket.on("error", () => {});
		socket.on("close", () => {
			isClosed = true;
		});
		socket.resume().end(text);
		await until("the end of the connection", () => isClosed);
	}
	assert.equal((await ask(page, "/healthz")).status, 200);
});
