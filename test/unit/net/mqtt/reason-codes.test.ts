import { reasonText, refusalText } from "../../../../src/net/mqtt/reason-codes.ts";
import { equal, ok, test } from "../../../harness/harness.ts";

/** 5.0, table 2-6. */
const REASON_CODES = [
	0,
	1,
	2,
	4,
	16,
	17,
	24,
	25,
	...Array.from({ length: 0xa2 - 0x80 + 1 }, (_, index) => 0x80 + index),
];

test("each reason code of MQTT 5.0 has words of its own, and no other has", () => {
	const words = new Set<string>();
	for (let code = 0; code < 0x100; code++) {
		const text = reasonText(code);
		equal(text !== "unknown reason", REASON_CODES.includes(code), `reason code ${code}`);
		words.add(text);
	}
	equal(words.size, REASON_CODES.length + 1);
});

const TEXTS: [number, string][] = [
	[0x00, "success"],
	[0x10, "no matching subscribers"],
	[0x80, "unspecified error"],
	[0x87, "not authorized"],
	[0x8e, "session taken over"],
	[0x90, "topic name not valid"],
	[0x97, "quota exceeded"],
	[0x9d, "server moved"],
	[0xa2, "wildcard subscriptions not supported"],
];

for (const [code, text] of TEXTS) {
	test(`reason code 0x${code.toString(16)} is "${text}"`, () => equal(reasonText(code), text));
}

test("each return code of a CONNACK of MQTT 3.1.1 has words (table 3.1)", () => {
	equal(refusalText(1), "it does not speak this version of MQTT");
	equal(refusalText(2), "client id (or a keepAlive above 60) rejected");
	equal(refusalText(3), "service unavailable");
	equal(refusalText(4), "bad user name or password");
	equal(refusalText(5), "not authorized");
	for (const code of [0, 6, -1, 255]) ok(refusalText(code) === "unknown reason", `${code}`);
});
