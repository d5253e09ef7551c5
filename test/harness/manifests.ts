/**
 * What `manifest.json` and its like name, held against the files: found wrong
 * without the SDK, and with it also what lies in the SDK.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** Paths, as seen from the project's folder, and what is in the files. */
export type Project = ReadonlyMap<string, string>;

interface Manifest {
	readonly build?: Readonly<Record<string, string>>;
	readonly include?: string | readonly string[];
	readonly modules?: Readonly<Record<string, string | readonly string[]>>;
	readonly preload?: string | readonly string[];
	readonly platforms?: Readonly<Record<string, Manifest>>;
}

const TOP = "manifest.json";
const FOLDERS = ["commands", "hosts/esp32", "hosts/moddable", "hosts/sim/devices", "hosts/sim/mcsim", "src", "tools"];
/** What the tools make, and not the SDK: `build/modules/esp32/main` for example. */
const MADE = "build/modules/";
/** A module is one of these. */
const ENDINGS = [".js", ".ts"];

/** The SDK that the three tables below are of: a test with an SDK holds them against it. */
export const SDK_VERSION = "8.2.3";
/** What manifests may name of it. */
export const SDK_PATHS: readonly string[] = [
	"$(BUILD)/devices/esp32/setup/network",
	"$(BUILD_SIMULATOR)/modules/control",
	"$(MODDABLE)/examples/manifest_base.json",
	"$(MODDABLE)/examples/manifest_net.json",
	"$(MODDABLE)/modules/data/text/decoder/manifest.json",
	"$(MODDABLE)/modules/data/text/encoder/manifest.json",
	"$(MODDABLE)/modules/files/file/manifest.json",
	"$(MODDABLE)/modules/io/common/builtinCommon",
	"$(MODDABLE)/modules/io/flash/manifest.json",
	"$(MODDABLE)/modules/io/i2c/manifest.json",
	...["lin", "lwip", "mac", "win"].flatMap((system) => [
		`$(MODDABLE)/modules/io/socket/${system}/listener`,
		`$(MODDABLE)/modules/io/socket/${system}/tcp`,
	]),
	"$(MODDABLE)/modules/io/socket/lwip/udp",
	"$(MODDABLE)/typings/package",
	"$(MODDABLE)/typings/tsconfig.es2024",
	"$(MODDABLE)/typings/tsconfig.es2025",
	"$(MODULES)/drivers/button/*",
	"$(MODULES)/drivers/neopixel/*",
	"$(MODULES)/drivers/neopixel/esp32/*",
	"$(MODULES)/files/preference/preference",
	"$(MODULES)/files/resource/*",
	"$(MODULES)/io/i2c/smbus",
	"$(MODULES)/io/i2c/smbus_async",
	"$(MODULES)/io/wifi/esp32/wifi-esp32",
	"$(MODULES)/network/sntp/modsntp",
	"$(MODULES)/network/sntp/sntp",
	"$(MODULES)/network/socket/lwip/modSocket",
	"$(MODULES)/network/socket/socket",
	"$(MODULES)/pins/digital/digital",
	"$(MODULES)/pins/digital/monitor/*",
	"$(MODULES)/pins/digital/monitor/esp32/*",
	"$(SUBPLATFORMDIRECTORY)/setup-target",
];
/** Its modules that the program imports, by the manifest that brings them. */
export const SDK_MODULES: Readonly<Record<string, readonly string[]>> = {
	"$(MODDABLE)/examples/manifest_base.json": ["time", "timer"],
	"$(MODDABLE)/examples/manifest_net.json": ["net"],
	"$(MODDABLE)/modules/data/text/decoder/manifest.json": ["text/decoder"],
	"$(MODDABLE)/modules/data/text/encoder/manifest.json": ["text/encoder"],
	"$(MODDABLE)/modules/files/file/manifest.json": ["file"],
	"$(MODDABLE)/modules/io/flash/manifest.json": ["embedded:storage/flash"],
	"$(MODDABLE)/modules/io/i2c/manifest.json": ["embedded:io/i2c"],
};
/**
 * Native functions that C of the SDK uses before it defines them: only the header that the linker makes of all modules
 * declares them, so that the C compiles only beside the module that names them.
 */
export const SIBLINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = Object.fromEntries(
	["lin", "lwip", "mac", "win"].map((system) => [
		`$(MODDABLE)/modules/io/socket/${system}/tcp`,
		{ xs_listener_destructor_: "embedded:io/socket/listener" },
	]),
);
/** mcconfig makes this one of each manifest's `config`. */
const MCCONFIG_MODULES = ["mc/config"];
/** esbuild puts something of the project in their place: see `tools/device.js`. */
const ALIASES = ["host", "mqtt-packet"];
/** mcsim itself has these, for panels. */
const PANEL = "hosts/sim/mcsim/panel/";
const PANEL_MODULES = ["ControlsPane", "DevicePane", "assets", "piu/Scrollbars", "piu/Sliders", "piu/Switches"];

/** The program for each platform: all of `src`, and of the hosts what these import. */
const PROGRAMS = [
	...["esp32", "esp32/esp32c3"].map((platform) => ({ platform, roots: ["hosts/esp32/host.ts"] })),
	...["lin", "mac", "win"].map((platform) => ({
		platform,
		roots: ["hosts/sim/mcsim/host.ts", "hosts/sim/mcsim/entry.ts"],
	})),
];

export function loadProject(): Project {
	const inFolder = (folder: string) =>
		readdirSync(folder, { recursive: true, encoding: "utf8" })
			.map((name) => posix.join(folder, name.replaceAll("\\", "/")))
			.filter((path) => /\.(c|h|csv|defaults|js|json|ts)$/.test(path));
	return new Map([TOP, ...FOLDERS.flatMap(inFolder)].map((path) => [path, readFileSync(path, "utf8")]));
}

/** What is wrong, each in a line; `sdk` is the SDK's folder, for what its C wants besides what the tables say. */
export function problemsOf(project: Project, sdk?: string): string[] {
	return [
		...pathProblems(project),
		...PROGRAMS.flatMap((program) => importProblems(project, program)),
		...PROGRAMS.flatMap(({ platform }) => siblingProblems(project, platform, sdk)),
		...panelProblems(project),
		...nativeProblems(project),
		...unusedProblems(project),
	].filter((problem, index, all) => all.indexOf(problem) === index);
}

const manifestsOf = (project: Project) =>
	[...project.keys()].filter((path) => posix.basename(path) === "manifest.json");
const manifestAt = (project: Project, path: string) => JSON.parse(project.get(path) ?? "{}") as Manifest;
const list = (value: string | readonly string[] | undefined) => (typeof value === "string" ? [value] : (value ?? []));
const isOwn = (path: string) => /^\.\.?\//.test(path);

/** A manifest and what it says for platforms, with what it says it for. */
function partsOf(manifest: Manifest): Manifest[] {
	return [manifest, ...Object.values(manifest.platforms ?? {}).flatMap(partsOf)];
}

/** Every path that a manifest names. */
function pathProblems(project: Project): string[] {
	const problems: string[] = [];
	for (const manifestPath of manifestsOf(project)) {
		for (const { build = {}, include, modules = {} } of partsOf(manifestAt(project, manifestPath))) {
			const check = (path: string, exists: (path: string) => boolean) => {
				const found = isOwn(path) ? exists(posix.join(posix.dirname(manifestPath), path)) : SDK_PATHS.includes(path);
				if (!found) problems.push(`${manifestPath} names ${path}, which is not there`);
			};
			const folders = Object.values(build).filter(isOwn);
			for (const path of folders) check(path, (own) => isMade(project, own) || isThere(project, own));
			for (const path of list(include)) check(path, (own) => isMade(project, own) || project.has(own));
			for (const path of Object.values(modules).flatMap(list)) check(path, (own) => isModule(project, own));
		}
	}
	return problems;
}

const isThere = (project: Project, path: string) =>
	project.has(path) || [...project.keys()].some((file) => file.startsWith(`${path}/`));

function isModule(project: Project, path: string): boolean {
	if (path.endsWith("/*")) return isThere(project, path.slice(0, -2));
	return isMade(project, path) || project.has(path) || ENDINGS.some((ending) => project.has(path + ending));
}

/** The tools that make the program, one after the other. */
function toolsOf(project: Project): string {
	const names = ["build", "config", "device", "panel"];
	return names.map((name) => project.get(`tools/${name}.js`) ?? "").join("\n");
}

/** Each part of the path is a word in one of the tools that make such files. */
function isMade(project: Project, path: string): boolean {
	if (!path.startsWith(MADE)) return false;
	const words = new Set(toolsOf(project).match(/\w+/g));
	return path
		.slice(MADE.length)
		.replace(/\.json$/, "")
		.split("/")
		.every((part) => words.has(part));
}

function inSdk(sdk: string, path: string): boolean {
	const resolved = resolveInSdk(sdk, path);
	if (resolved === undefined) return false;
	if (resolved.endsWith("*")) return existsSync(posix.dirname(resolved));
	return ["", ...ENDINGS, ".c", ".h", ".json", ".d.ts"].some((ending) => existsSync(resolved + ending));
}

/** A path with variables of the SDK's manifests; `undefined` if one of them is not known here. */
function resolveInSdk(sdk: string, path: string): string | undefined {
	const variables: Record<string, string> = {
		MODDABLE: sdk,
		MODULES: `${sdk}/modules`,
		BUILD: `${sdk}/build`,
		BUILD_SIMULATOR: `${sdk}/build/simulators`,
		IO: `${sdk}/modules/io`,
		PLATFORM: "esp32",
		SUBPLATFORMDIRECTORY: `${sdk}/build/devices/esp32/targets/esp32c3`,
	};
	const resolved = path.replace(/\$\((\w+)\)/g, (all, name) => variables[name] ?? all);
	return resolved.includes("$(") ? undefined : resolved;
}

/** What a platform's manifests say together, in mcconfig's order of preference for platforms. */
function manifestsFor(project: Project, path: string, platform: string): { path: string; part: Manifest }[] {
	const manifest = manifestAt(project, path);
	const platforms = manifest.platforms ?? {};
	const [name] = platform.split("/");
	const group = platform.includes("/") ? `${name}/*` : platform;
	const own = platforms[platform] ?? platforms[group] ?? platforms[name!] ?? platforms["..."];
	return [manifest, ...(own ? [own] : [])].flatMap((part) => [
		{ path, part },
		...list(part.include)
			.filter(isOwn)
			.flatMap((include) => manifestsFor(project, posix.join(posix.dirname(path), include), platform)),
	]);
}

/** Specifiers of what the platform's program can import. */
function givenModules(project: Project, platform: string): Set<string> {
	const parts = manifestsFor(project, TOP, platform);
	const own = parts.flatMap(({ part }) => Object.keys(part.modules ?? {})).filter((name) => !["*", "~"].includes(name));
	const sdk = parts.flatMap(({ part }) =>
		Object.entries(SDK_MODULES)
			.filter(([manifest]) => list(part.include).includes(manifest))
			.flatMap(([, modules]) => modules),
	);
	return new Set([...own, ...sdk, ...MCCONFIG_MODULES]);
}

/** What a file imports when it runs, `import type` not being that; comments are no imports. */
export function importsOf(source: string): string[] {
	const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
	const imports = code.matchAll(/^(?:import|export)\s(?!type\s)(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm);
	const calls = code.matchAll(/\b(?:import|importNow)\(\s*"([^"]+)"/g);
	return [...imports, ...calls].map(([, specifier]) => specifier!);
}

/** The file that an import of a file of the project means. */
function fileOf(project: Project, importer: string, specifier: string): string | undefined {
	const path = posix.join(posix.dirname(importer), specifier);
	return [path.replace(/\.js$/, ".ts"), path].find((file) => project.has(file));
}

function importProblems(project: Project, { platform, roots }: (typeof PROGRAMS)[number]): string[] {
	const given = givenModules(project, platform);
	const problems: string[] = [];
	const own = roots.some((path) => path.startsWith("hosts/esp32/")) ? placedByTools(project) : [];
	for (const path of reached(project, [...roots, ...own])) {
		for (const specifier of importsOf(project.get(path)!)) {
			if (isOwn(specifier)) {
				if (!fileOf(project, path, specifier)) problems.push(`${path} imports ${specifier}, which is not there`);
			} else if (!given.has(specifier) && !ALIASES.includes(specifier)) {
				problems.push(`${path} imports ${specifier}, which no manifest brings for ${platform}`);
			}
		}
	}
	for (const { path, part } of manifestsFor(project, TOP, platform)) {
		for (const name of list(part.preload)) {
			if (!given.has(name)) problems.push(`${path} preloads ${name}, which no manifest brings for ${platform}`);
		}
	}
	return problems;
}

/** `src`, `roots`, and all of the project's files that they import, and so on. */
function reached(project: Project, roots: readonly string[]): Set<string> {
	const files = new Set([...project.keys()].filter((path) => path.startsWith("src/") || roots.includes(path)));
	// What is added to a set while it is walked through is walked through, too.
	for (const path of files) {
		for (const specifier of importsOf(project.get(path)!).filter(isOwn)) {
			const file = fileOf(project, path, specifier);
			if (file) files.add(file);
		}
	}
	return files;
}

function panelProblems(project: Project): string[] {
	const problems: string[] = [];
	for (const [path, source] of project) {
		if (!path.startsWith(PANEL)) continue;
		for (const specifier of importsOf(source)) {
			const found = isOwn(specifier) ? fileOf(project, path, specifier) : PANEL_MODULES.includes(specifier);
			if (!found) problems.push(`${path} imports ${specifier}, which mcsim does not have`);
		}
	}
	return problems;
}

/** C of the SDK's that a manifest names by itself, without the others that the SDK has it with. */
function siblingProblems(project: Project, platform: string, sdk: string | undefined): string[] {
	const given = givenModules(project, platform);
	const named = manifestsFor(project, TOP, platform).flatMap(({ path: manifest, part: { modules = {} } }) =>
		Object.entries(modules)
			.filter(([name]) => name !== "~")
			.flatMap(([, paths]) => list(paths))
			.map((path) => ({ manifest, path })),
	);
	const declared = new Set(sdk === undefined ? [] : named.flatMap(({ path }) => declaredBy(sdk, path)));
	return named.flatMap(({ manifest, path }) => {
		const missing = Object.entries(SIBLINGS[path] ?? {}).filter(([, module]) => !given.has(module));
		const undeclared = sdk === undefined ? [] : wantedBy(sdk, path).filter((native) => !declared.has(native));
		const wanted = new Set([...missing.map(([native]) => native), ...undeclared]);
		return [...wanted].map(
			(native) => `${manifest} names ${path}, whose C wants ${native}, which no module declares for ${platform}`,
		);
	});
}

/** The file of the SDK's, or an empty text where there is none. */
function sdkSource(sdk: string, path: string, ending: string): string {
	const file = isOwn(path) ? undefined : resolveInSdk(sdk, path);
	return file && existsSync(file + ending) ? readFileSync(file + ending, "utf8") : "";
}

/** Natives that the linker declares because the module's JavaScript names them. */
function declaredBy(sdk: string, path: string): string[] {
	return names(sdkSource(sdk, path, ".js"), /\b[Nn]ative\s*\(\s*"(xs_\w+)"/g);
}

/** Natives that the module's C uses before it has declared them. */
function wantedBy(sdk: string, path: string): string[] {
	return [".c", ".m"].flatMap((ending) => undeclaredIn(sdkSource(sdk, path, ending)));
}

/** What begins with `xs_` in C, and is used before a declaration or definition of its own. */
export function undeclaredIn(source: string): string[] {
	const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
	const declaredAt = new Map<string, number>();
	const declaration = /^(?:\w+[ \t*]+)+(xs_\w+)(?=\s*(?:\([^;{}]*\)\s*[;{]|[=[;]))/gm;
	for (const { 1: name, index } of code.matchAll(declaration)) {
		if (!declaredAt.has(name!)) declaredAt.set(name!, index);
	}
	const uses = [...code.matchAll(/\bxs_\w+/g)];
	return [
		...new Set(uses.filter(({ 0: name, index }) => !(declaredAt.get(name)! <= index)).map(({ 0: name }) => name)),
	];
}

const FUNCTION_IN_C = /^void (xs_\w+)\((?:xsMachine \*the|void \*\w+)\)\n\{/gm;
const NAME_IN_TYPESCRIPT = /\b[Nn]ative\("(xs_\w+)"\)/g;
const names = (source: string, pattern: RegExp) => Array.from(source.matchAll(pattern), ([, name]) => name!);

/** Functions in C that JavaScript calls by a text: what the one side has, the other has, too. */
function nativeProblems(project: Project): string[] {
	const named = manifestsOf(project).flatMap((manifestPath) =>
		partsOf(manifestAt(project, manifestPath))
			.flatMap(({ modules = {} }) => Object.values(modules).flatMap(list))
			.filter((path) => isOwn(path) && path.endsWith(".c"))
			.map((path) => posix.join(posix.dirname(manifestPath), path)),
	);
	const problems = [...project.keys()]
		.filter((path) => path.endsWith(".c") && !named.includes(path))
		.map((path) => `${path}: no manifest names it`);
	const inC = new Set(named.flatMap((path) => names(project.get(path) ?? "", FUNCTION_IN_C)));
	const sources = [...project].filter(([path]) => /^hosts\/(esp32|moddable)\/.*\.ts$/.test(path));
	const called = new Set(sources.flatMap(([, source]) => names(source, NAME_IN_TYPESCRIPT)));
	for (const [path, source] of sources) {
		for (const name of names(source, NAME_IN_TYPESCRIPT)) {
			if (!inC.has(name)) problems.push(`${path} calls ${name}, which no file in C of a manifest has`);
		}
	}
	for (const name of inC)
		if (!called.has(name)) problems.push(`${name}: there is such a function in C, which nobody calls`);
	return problems;
}

/** Files for the board or for mcsim that are part of no program, that no tool puts into one, and that no command imports. */
function unusedProblems(project: Project): string[] {
	const commands = [...project.keys()].filter((path) => path.startsWith("commands/"));
	const used = new Set([
		...PROGRAMS.flatMap(({ roots }) => [...reached(project, roots)]),
		...commands.flatMap((path) => importsOf(project.get(path)!).map((specifier) => fileOf(project, path, specifier))),
	]);
	const others = placedByTools(project);
	return [...project.keys()]
		.filter((path) => /^hosts\/((esp32|moddable)\/.*|sim\/mcsim\/[^/]*)\.ts$/.test(path) && !path.endsWith(".d.ts"))
		.filter((path) => !used.has(path) && !others.includes(path) && !isTypesOnly(project, path))
		.map((path) => `${path}: no program imports it`);
}

/** Files of the board that a tool names. */
function placedByTools(project: Project): string[] {
	const tools = toolsOf(project);
	return [...project.keys()].filter(
		(path) => /^hosts\/(esp32|moddable)\/.*\.ts$/.test(path) && tools.includes(`"${path}"`),
	);
}

/** Whether all that a file has is types: nobody imports it when a program runs. */
function isTypesOnly(project: Project, path: string): boolean {
	return !/^export (?!type |interface )/m.test(project.get(path)!);
}

/** What the tables say wrongly of the SDK in that folder. */
export function sdkProblems(
	sdk: string,
	{ version = SDK_VERSION, paths = SDK_PATHS, modules = SDK_MODULES, siblings = SIBLINGS } = {},
): string[] {
	const installed = readFileSync(join(sdk, "tools/VERSION"), "utf8").trim();
	const unwanted = Object.entries(siblings).flatMap(([path, natives]) => {
		const wanted = wantedBy(sdk, path);
		return Object.keys(natives)
			.filter((native) => !wanted.includes(native))
			.map((native) => `${path} is said to want ${native}, and does not`);
	});
	const missing = Object.entries(modules).flatMap(([manifest, modules]) => {
		const brought = modulesInSdk(sdk, resolveInSdk(sdk, manifest)!, new Set());
		return modules
			.filter((name) => !brought.has(name))
			.map((name) => `${manifest} is said to bring ${name}, and does not`);
	});
	return [
		...(installed === version ? [] : [`the tables are of version ${version}, and the SDK is ${installed}`]),
		...paths.filter((path) => !inSdk(sdk, path)).map((path) => `${path} is said to be there, and is not`),
		...unwanted,
		...missing,
	];
}

/** Specifiers that a manifest of the SDK brings, for whatever platform. */
function modulesInSdk(sdk: string, path: string, seen: Set<string>): Set<string> {
	const brought = new Set<string>();
	if (seen.has(path) || !existsSync(path)) return brought;
	seen.add(path);
	const resolve = (value: string) => {
		const resolved = resolveInSdk(sdk, value);
		return resolved && (isOwn(resolved) ? join(path, "..", resolved) : resolved);
	};
	for (const { include, modules = {} } of partsOf(JSON.parse(readFileSync(path, "utf8")) as Manifest)) {
		for (const [name, paths] of Object.entries(modules)) {
			for (const path of list(paths).map(resolve)) for (const module of modulesAt(name, path)) brought.add(module);
		}
		for (const included of list(include).map(resolve)) {
			if (included) for (const name of modulesInSdk(sdk, included, seen)) brought.add(name);
		}
	}
	return brought;
}

/** What a line of `modules` brings: `"ssl/*": "crypt/ssl/ssl_*"` has a module for each file that begins with `ssl_`. */
function modulesAt(name: string, path: string | undefined): string[] {
	if (!name.endsWith("*")) return [name];
	const prefix = name.slice(0, -1);
	if (!path) return [];
	if (!path.endsWith("*")) return [prefix + posix.basename(path)];
	const [folder, start] = [posix.dirname(path), posix.basename(path).slice(0, -1)];
	return (existsSync(folder) ? readdirSync(folder) : [])
		.filter((file) => file.startsWith(start))
		.map((file) => prefix + file.slice(start.length).replace(/\.(js|ts)$/, ""));
}
