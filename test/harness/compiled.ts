/** Programs in C that several tests run. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { PROGRAMS_UNDER_TEST } from "./bundle.ts";

/** Compiles a program with these arguments of gcc's, once for all tests of a run; gives its path. Tests run in the project's folder. */
export function compiled(name: string, args: readonly string[]): string {
	const program = join(PROGRAMS_UNDER_TEST, name);
	if (existsSync(program)) return program;
	// Another test may do the same, or run the program.
	const aside = `${program}.${process.pid}`;
	mkdirSync(dirname(program), { recursive: true });
	const { status, stderr, error } = spawnSync("gcc", [...args, "-o", aside], { encoding: "utf8" });
	if (status !== 0) throw new Error(stderr || String(error));
	renameSync(aside, program);
	return program;
}
