/** Where deliberate bugs go in: what they change has to be there. */
import test from "node:test";
import { offer, replace } from "../../../hosts/sim/world/seams.ts";
import { equal, throws } from "../../harness/harness.ts";

class Door {
	readonly material: string = "wood";

	get wide() {
		return true;
	}

	open() {
		return "open";
	}
}

test("another class stands where the one was", () => {
	let placed = Door;
	offer(Door, (changed) => {
		placed = changed as typeof Door;
	});
	replace(
		Door,
		class extends Door {
			override readonly material = "glass";

			override get wide() {
				return false;
			}

			override open() {
				return `not ${super.open()}`;
			}
		},
	);
	const { material, wide } = new placed();
	equal(`${material}, ${wide}, ${new placed().open()}`, "glass, false, not open");
});

test("another function stands where the one was", () => {
	let placed = (number: number) => number;
	const original = placed;
	offer(original, (changed) => {
		placed = changed as typeof placed;
	});
	replace(original, (number) => original(number) + 1);
	equal(placed(1), 2);
});

test("a bug in what is not there any more is an error", () => {
	const misses = (member: string) => {
		const changed = class extends Door {};
		Object.defineProperty(changed.prototype, member, { value: () => {} });
		return () => replace(Door, changed);
	};
	offer(Door, () => {});
	misses("open")();
	throws(misses("close"), /^Door has no close$/);
	class Window {}
	throws(() => replace(Window, class extends Window {}), /^Window is no part of the program$/);
});
