/** The commands that `package.json` has for `npm run`, and what each of them starts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Tests run in the project's folder. */
const root = process.cwd();

/** The files that `npm run` starts, by the name for it. */
export const NPM_COMMANDS: ReadonlyMap<string, string> = new Map(
	Object.entries<string>(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts).flatMap(
		([name, script]) => {
			const [, file] = /^node tools\/run\.js (?:--engine )?(\S+\.ts)$/.exec(script) ?? [];
			return file === undefined ? [] : [[name, file] as const];
		},
	),
);

/** The file of one of them. */
export function fileOf(name: string): string {
	const file = NPM_COMMANDS.get(name);
	if (file === undefined) throw new Error(`package.json has no command ${name}`);
	return file;
}
