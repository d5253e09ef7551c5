/** The codec's short ways against mqtt-packet: `PACKETS=1000000 npm test -- project/direct` for more of them. */
import test from "node:test";
import { ok } from "../harness/harness.ts";
import { comparePubacks, comparePublishes } from "../unit/net/mqtt/direct-differences.ts";

const PACKETS = Number(process.env.PACKETS ?? 50_000);
const SEED = Number(process.env.SEED ?? 1);

for (const [what, compare] of [
	["a PUBLISH is written", comparePublishes],
	["a PUBACK is read", comparePubacks],
] as const) {
	test(`${what} as mqtt-packet does it: ${PACKETS} packets of seed ${SEED}`, () => {
		const { direct, refused } = compare(SEED, PACKETS);
		ok(direct > PACKETS / 10 && refused > PACKETS / 10, `${direct} take the short way, ${refused} are refused`);
	});
}
