/** Reports in CBOR, there and back, and what is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { reportOfCbor } from "../../hosts/node/report-cbor.ts";
import { Random } from "../../hosts/sim/world/random.ts";
import { reportPayload, reportText } from "../../src/net/report.ts";
import { parseSettings } from "../../src/settings.ts";

const SETTINGS = parseSettings({
	payload: "cbor",
	altitude: 667,
	derived: ["heatIndex", "dewPoint", "absoluteHumidity"],
});
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

test("a report in CBOR has the members of the same report in JSON", () => {
	const random = new Random(1);
	for (let count = 0; count < 2_000; count++) {
		const sample = {
			thermometer: { temperature: random.next() * 125 - 40 },
			...(random.chance(0.7) && { hygrometer: { humidity: random.next() } }),
			...(random.chance(0.7) && { barometer: { pressure: 30_000 + random.next() * 80_000 } }),
		};
		const time = random.chance(0.8) ? Math.floor(random.next() * 4_102_444_800_000) : undefined;
		const reading = { seq: 1 + Math.floor(random.next() * 4_294_967_295), time, sample };
		const told = reportOfCbor(reportPayload(reading, SETTINGS));
		const text = JSON.parse(reportText(reading, SETTINGS));
		assert.deepEqual(told, text);
	}
});

test("a key of a later version is left out", () => {
	assert.deepEqual(reportOfCbor(bytes("a3 00 01 02 18 64 09 07")), { temperature: 1, seq: 1 });
});

const NONE: { readonly [what: string]: string } = {
	nothing: "",
	"an empty map": "a0",
	"no number": "a1 02 18 64",
	"a map that ends early": "a2 00 01",
	"a map with something behind it": "a1 00 01 00",
	"an argument that ends early": "a1 00 19 01",
	"a text": "a1 00 61 31",
	"a list": "82 00 01",
	"a float": "a1 00 f9 3c 00",
	"a break": "a1 00 ff",
	"an argument of a reserved length": "a1 00 1c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
	"an indefinite map": "bf 00 01 ff",
	"a time that no calendar has": "a2 00 01 01 1b ff ff ff ff ff ff ff ff",
	JSON: Buffer.from('{"seq":1}').toString("hex"),
};
for (const [what, hex] of Object.entries(NONE)) {
	test(`${what} is no report`, () => assert.equal(reportOfCbor(bytes(hex)), undefined));
}

test("whatever bytes come, there is a report or none", () => {
	const random = new Random(2);
	for (let count = 0; count < 20_000; count++) {
		const payload = Uint8Array.from({ length: 1 + random.integer(0, 23) }, () => random.integer(0, 255));
		payload[0] = 0xa0 | random.integer(0, 31);
		const report = reportOfCbor(payload);
		if (report) assert.equal(typeof report.seq, "number");
	}
});
