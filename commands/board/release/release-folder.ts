/** The folder of a release: an image of each board, what ESP Web Tools install from, and the page that does it. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BOARDS } from "../../../hosts/esp32/boards.ts";
import { root } from "../../../tools/build.js";
import type { FlashPart } from "../../../tools/firmware.js";
import { bundlePage } from "../../../tools/page.js";
import { mergedImage, webManifest } from "./images.ts";
import { RELEASE_FILE, type Release } from "./release-file.ts";

export const PAGE = "install.html";
const SUMS = "SHA256SUMS";
const TOOLS = "esp-web-tools";
/** For browsers, bundled by their makers. */
const WEB_TOOLS = join(root, "node_modules", TOOLS);
const NAMES: readonly string[] = [PAGE, "app.js", "style.css", RELEASE_FILE, SUMS, TOOLS];

export class ReleaseFolder {
	private readonly _version: string = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;
	private readonly _parts = new Map<string, readonly FlashPart[]>();
	private readonly _folder: string;

	/** Throws an Error for a folder that has anything but an earlier release: it is emptied. */
	constructor(folder: string) {
		const foreign = existsSync(folder) && readdirSync(folder).find((name) => !isReleases(name));
		if (foreign) throw new Error(`${folder} has ${foreign}, which is no release's: name a new folder`);
		this._folder = folder;
	}

	/** `board`: one of `BOARDS`. */
	add(board: string, parts: readonly FlashPart[]): void {
		this._parts.set(board, parts);
	}

	/** Writes what was added, in place of what was there. */
	async write(): Promise<void> {
		const folder = this._folder;
		const { html, script, style } = await bundlePage("commands/board/release/browser");
		rmSync(folder, { recursive: true, force: true });
		mkdirSync(folder, { recursive: true });
		const write = (path: string, content: string | Uint8Array) => writeFileSync(join(folder, path), content);
		const release: Release = { version: this._version, boards: [] };
		for (const [board, parts] of this._parts) {
			const { title, chip } = BOARDS[board]!;
			release.boards.push({ name: board, title, chip: chip.title });
			mkdirSync(join(folder, board));
			for (const { name, bytes } of parts) write(join(board, name), bytes);
			write(join(board, "manifest.json"), json(webManifest(this._version, chip.title, parts)));
			write(`veleta-${this._version}-${board}.bin`, mergedImage(parts));
		}
		write(RELEASE_FILE, json(release));
		write(PAGE, html);
		write("app.js", script);
		write("style.css", style);
		cpSync(join(WEB_TOOLS, "dist/web"), join(folder, TOOLS), { recursive: true });
		cpSync(join(WEB_TOOLS, "LICENSE"), join(folder, TOOLS, "LICENSE"));
		write(SUMS, checksums(folder));
	}
}

/** Whether a release has something of this name. */
function isReleases(name: string): boolean {
	return NAMES.includes(name) || Object.hasOwn(BOARDS, name) || /^veleta-.*\.bin$/.test(name);
}

function json(value: unknown): string {
	return `${JSON.stringify(value, null, "\t")}\n`;
}

/** As `sha256sum --check` reads them. */
function checksums(folder: string): string {
	return readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
		.sort()
		.map(
			(path) =>
				`${createHash("sha256")
					.update(readFileSync(join(folder, path)))
					.digest("hex")}  ${path}\n`,
		)
		.join("");
}
