/** One Ctrl-C and two. */
import { Interrupts } from "../../../commands/interrupts.ts";
import { deepEqual, test } from "../../harness/harness.ts";

const heard = (...times: number[]): string[] => {
	const interrupts = new Interrupts();
	return times.map((time) => interrupts.told(time));
};

test("one Ctrl-C that is told several times within a quarter of a second is one", () => {
	deepEqual(heard(5_000, 5_000, 5_005, 5_250), ["end", "nothing", "nothing", "nothing"]);
});

test("a second one, later than that, waits for nothing", () => {
	deepEqual(heard(0, 251), ["end", "end at once"]);
	deepEqual(heard(0, 3, 400, 401), ["end", "nothing", "end at once", "end at once"]);
});
