import { isIPv4 } from "../../../src/net/ipv4.ts";
import { equal, test } from "../../harness/harness.ts";

test("an IPv4 address is four numbers from 0 to 255, and nothing beside them", () => {
	for (const text of ["0.0.0.0", "9.10.99.100", "199.200.249.255"]) equal(isIPv4(text), true, text);
	for (const text of [
		"999.1.1.1",
		"001.2.3.4",
		"1.2.3.04",
		"1.2.00.4",
		"1.1.1.256",
		"1.1.1.260",
		"1.1.1.300",
		"1.1.1",
		"1.1.1.1.1",
		"1.1.1.",
		".1.1.1",
		"1..1.1",
		"1.1.1.1000",
		"1.1.1.a",
		"1.1.1.1\n",
		" 1.1.1.1",
		"1a1b1c1",
		"::1",
		"",
	]) {
		equal(isIPv4(text), false, text);
	}
});
