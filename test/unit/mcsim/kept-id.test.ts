import { type Files, keptId, newId } from "../../../hosts/sim/mcsim/kept-id.ts";
import { equal, match, test, throws } from "../../harness/harness.ts";

const PATH = ".veleta/veleta-mcsim.id";

/** A folder with files, as the SDK's `File` shows it: one that is written over keeps its end. */
function folder(texts: Record<string, string> = {}, { isThere = true } = {}) {
	let open = 0;
	class File {
		private readonly _path: string;
		constructor(path: string, write = false) {
			if (!isThere || (!write && !(path in texts))) throw new Error("file not found");
			open++;
			this._path = path;
			texts[path] ??= "";
		}
		read(): string {
			return texts[this._path]!;
		}
		write(text: string): void {
			texts[this._path] = text + texts[this._path]!.slice(text.length);
		}
		close(): void {
			open--;
		}
		static exists(path: string): boolean {
			return path in texts;
		}
		static delete(path: string): void {
			delete texts[path];
		}
	}
	return { files: File as Files, texts, open: () => open };
}

test("mcsim's id is made once, and kept", () => {
	const { files, texts, open } = folder();
	equal(
		keptId(files, PATH, () => 0.5),
		"sim-8000",
	);
	equal(texts[PATH], "sim-8000");
	equal(
		keptId(files, PATH, () => 0.9),
		"sim-8000",
	);
	equal(open(), 0);
});

test("what a user has written there is the id, and what can be none is replaced as a whole", () => {
	equal(
		keptId(folder({ [PATH]: "desk\n" }).files, PATH, () => 0),
		"desk",
	);
	for (const text of ["", "a b", "x".repeat(65), "\0".repeat(9)]) {
		const { files, texts } = folder({ [PATH]: text });
		equal(
			keptId(files, PATH, () => 0),
			"sim-0000",
		);
		equal(texts[PATH], "sim-0000");
	}
});

test("without its folder there is an error, and an id of this run has the same form", () => {
	throws(() => keptId(folder({}, { isThere: false }).files, PATH, () => 0), /^file not found$/);
	for (const random of [0, 0.000_1, 0.3, 0.999_999_999])
		match(
			newId(() => random),
			/^sim-[0-9a-f]{4}$/,
		);
	equal(
		newId(() => 0.999_999_999),
		"sim-ffff",
	);
});
