/** The id of a station in mcsim whose settings name none: made once, and kept in a file beside its flash. */

/** The class `File` of the SDK's module `file`, as far as it is used here. */
export interface Files {
	new (path: string, write?: boolean): { read(type: typeof String): string; write(text: string): void; close(): void };
	exists(path: string): boolean;
	delete(path: string): void;
}

/** `random` is uniform in [0, 1). Throws an Error where the file can be neither read nor made. */
export function keptId(files: Files, path: string, random: () => number): string {
	const kept = files.exists(path) ? read(files, path) : "";
	if (/^[A-Za-z0-9_.-]{1,64}$/.test(kept)) return kept;
	const id = newId(random);
	// An open file keeps what is behind the text.
	if (files.exists(path)) files.delete(path);
	const file = new files(path, true);
	try {
		file.write(id);
	} finally {
		file.close();
	}
	return id;
}

/** `sim-` and four hexadecimal digits. */
export function newId(random: () => number): string {
	return `sim-${Math.floor(0x10000 + random() * 0x10000)
		.toString(16)
		.slice(1)}`;
}

function read(files: Files, path: string): string {
	const file = new files(path);
	try {
		return file.read(String).trim();
	} finally {
		file.close();
	}
}
