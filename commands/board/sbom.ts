/** `npm run sbom`: what a board's firmware is made of, as a bill of materials that programs read (CycloneDX 1.6). */
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BOARDS, DEFAULT_BOARD } from "../../hosts/esp32/boards.ts";
import { plainJson } from "../../hosts/node/plain-text.ts";
import { buildMqttPacket, root } from "../../tools/build.js";
import { buildForModdable } from "../../tools/device.js";
import { idfVersion, sdkVersion } from "../../tools/moddable.js";
import { type Command, EXIT_DONE, FLAG, HELP, readLine, VALUE, type Values } from "../frame.ts";
import { checkBoard } from "./firmware.ts";

const USAGE = `usage: npm run -s sbom -- [--board NAME] [--stamp] >sbom.json

Writes what a board's firmware is made of, as CycloneDX 1.6 in JSON: packages
in its JavaScript, with the versions of the lock file; the Moddable SDK that
MODDABLE names, and the ESP-IDF that IDF_PATH names. Without these two they are
left out, and the file says so. The same every time.

  --board NAME   (default ${DEFAULT_BOARD}) ${Object.keys(BOARDS).join(", ")}
  --stamp        with the time, and a serial number of its own
`;

const LINE = { name: "npm run sbom", options: { board: VALUE, stamp: FLAG, help: HELP } };
type Wanted = Values<typeof LINE.options>;

export const command: Command<Wanted> = { ...LINE, help: USAGE, read, run };

function read(args: string[]): Wanted | undefined {
	const values = readLine(args, LINE)?.values;
	if (values?.board !== undefined) checkBoard(values.board);
	return values;
}

/** What esbuild tells of a bundle. */
interface Bundle {
	readonly inputs: Readonly<
		Record<string, { readonly imports: readonly { readonly path: string; readonly external?: boolean }[] }>
	>;
}

interface Component {
	readonly type: "firmware" | "library" | "framework";
	readonly "bom-ref": string;
	readonly name: string;
	readonly version?: string;
	readonly description?: string;
	readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
	readonly licenses?: readonly ({ readonly license: { readonly id: string } } | { readonly expression: string })[];
	readonly purl?: string;
	readonly properties?: readonly Property[];
	readonly components?: readonly Component[];
}

interface Property {
	readonly name: string;
	readonly value: string;
}

async function run({ board = DEFAULT_BOARD, stamp = false }: Wanted): Promise<number> {
	const packet = (await buildMqttPacket()) as Bundle;
	const firmware: Bundle = await buildForModdable("esp32");
	const leftOut: string[] = [];
	const parts = [...packages([packet, firmware]), ...moddable(firmware, leftOut), ...espIdf(leftOut)];
	const { name, version, license, description } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
	const component: Component = {
		...{ type: "firmware", "bom-ref": `${name}@${version}`, name, version, description },
		licenses: [{ license: { id: license } }],
		properties: [
			{ name: "veleta:board", value: board },
			{ name: "veleta:chip", value: BOARDS[board]!.chip.title },
		],
	};
	const all = parts.flatMap((part) => [part, ...(part.components ?? [])]);
	const bill = {
		...{ $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", bomFormat: "CycloneDX", specVersion: "1.6" },
		...(stamp && { serialNumber: `urn:uuid:${randomUUID()}` }),
		version: 1,
		metadata: {
			...(stamp && { timestamp: new Date().toISOString() }),
			lifecycles: [{ phase: "build" }],
			component,
			properties: leftOut.map((value) => ({ name: "veleta:left-out", value })),
		},
		components: parts,
		dependencies: [
			{ ref: component["bom-ref"], dependsOn: parts.map((part) => part["bom-ref"]) },
			...all.map((part) => ({
				ref: part["bom-ref"],
				...(part.components && { dependsOn: part.components.map((inner) => inner["bom-ref"]) }),
			})),
		],
		// What ESP-IDF is made of is known to its own tools.
		compositions: [{ aggregate: "incomplete", assemblies: [component["bom-ref"]] }],
	};
	process.stdout.write(`${plainJson(bill, "\t")}\n`);
	return EXIT_DONE;
}

/** Packages of npm of which there is a file in the bundles. */
function packages(bundles: readonly Bundle[]): Component[] {
	const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
	const folders = new Set<string>();
	for (const { inputs } of bundles) {
		for (const path of Object.keys(inputs)) {
			// The innermost one: a package may bring its own of another version.
			const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path.replaceAll("\\", "/")) ?? [];
			if (folder !== undefined) folders.add(folder.slice(folder.indexOf("node_modules/")));
		}
	}
	return [...folders].sort().map((folder) => {
		const { version, license, integrity } = lock.packages[folder] ?? {};
		const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
		if (version === undefined) throw new Error(`package-lock.json has no ${name}, of which the firmware has a part`);
		const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
		const [, digest] = /^sha512-(\S+)$/.exec(integrity ?? "") ?? [];
		return {
			...{ type: "library", "bom-ref": purl, name, version },
			...(digest && { hashes: [{ alg: "SHA-512", content: Buffer.from(digest, "base64").toString("hex") }] }),
			...(license && { licenses: [/ /.test(license) ? { expression: license } : { license: { id: license } }] }),
			purl,
		} satisfies Component;
	});
}

/** The XS engine, and the SDK's modules that the bundle imports. */
function moddable({ inputs }: Bundle, leftOut: string[]): Component[] {
	const folder = process.env.MODDABLE;
	const version = folder && sdkVersion(folder);
	if (!version) {
		leftOut.push(`Moddable SDK: ${folder ? "no version is where MODDABLE names it" : "MODDABLE is not set"}`);
		return [];
	}
	const imported = Object.values(inputs).flatMap(({ imports }) => imports.filter(({ external }) => external));
	// The settings are the user's.
	const modules = [...new Set(imported.map(({ path }) => path))].filter((path) => path !== "config").sort();
	const purl = `pkg:github/moddable-opensource/moddable@${version}`;
	return [
		{
			...{ type: "framework", "bom-ref": purl, name: "Moddable SDK", version, purl },
			description:
				"the XS engine, and modules of the SDK; the licence is that of XS's sources, of which some have another one, too",
			licenses: [{ license: { id: "LGPL-3.0-or-later" } }],
			properties: modules.map((value) => ({ name: "veleta:module", value })),
		},
	];
}

/** Of ESP-IDF's parts those that speak with the network: the header that has the version, and how. */
const PARTS = [
	{
		name: "Mbed TLS",
		file: "components/mbedtls/mbedtls/include/mbedtls/build_info.h",
		patterns: [/MBEDTLS_VERSION_STRING\s+"([\d.]+)"/],
		purl: "pkg:generic/mbedtls@",
		license: { expression: "Apache-2.0 OR GPL-2.0-or-later" },
	},
	{
		name: "lwIP",
		file: "components/lwip/lwip/src/include/lwip/init.h",
		patterns: ["MAJOR", "MINOR", "REVISION"].map((part) => new RegExp(`LWIP_VERSION_${part}\\s+(\\d+)`)),
		purl: "pkg:generic/lwip@",
		license: { license: { id: "BSD-3-Clause" } },
	},
	{
		name: "FreeRTOS",
		file: "components/freertos/FreeRTOS-Kernel/include/freertos/task.h",
		patterns: [/tskKERNEL_VERSION_NUMBER\s+"V([\d.]+)"/],
		purl: "pkg:generic/freertos-kernel@",
		license: { license: { id: "MIT" } },
	},
];

function espIdf(leftOut: string[]): Component[] {
	const folder = process.env.IDF_PATH;
	const version: string | undefined = folder && idfVersion(folder, process.env.PATH ?? "");
	if (!folder || !version) {
		leftOut.push(`ESP-IDF: ${folder ? "none is where IDF_PATH names it" : "IDF_PATH is not set"}`);
		return [];
	}
	const components = PARTS.flatMap(({ name, file, patterns, purl, license }): Component[] => {
		const path = join(folder, file);
		const text = existsSync(path) ? readFileSync(path, "utf8") : "";
		const found = patterns.map((pattern) => pattern.exec(text)?.[1]);
		if (found.includes(undefined)) {
			leftOut.push(`${name}: ESP-IDF has no version of it in ${file}`);
			return [];
		}
		const own = found.join(".");
		return [{ type: "library", "bom-ref": purl + own, name, version: own, licenses: [license], purl: purl + own }];
	});
	const purl = `pkg:github/espressif/esp-idf@${version}`;
	return [
		{
			...{ type: "framework", "bom-ref": purl, name: "ESP-IDF", version, purl },
			description: "with its libraries for Wi-Fi, which are there as binaries; all of its parts: esp-idf-sbom",
			licenses: [{ license: { id: "Apache-2.0" } }],
			...(components.length > 0 && { components }),
		},
	];
}
