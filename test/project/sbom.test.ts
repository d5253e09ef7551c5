/** `npm run sbom`: what is in the firmware's bundle is in the list, with the lock file's versions, and nothing else is. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { Ajv } from "ajv";
import { BOARDS } from "../../hosts/esp32/boards.ts";
import { installation, run } from "../harness/sdk-installation.ts";

/** Of CycloneDX's schema 1.6 what concerns the members that are written here. */
const NAME = { type: "string", minLength: 1 };
const PROPERTIES = {
	type: "array",
	items: { type: "object", required: ["name"], additionalProperties: false, properties: { name: NAME, value: NAME } },
};
const LICENCE = {
	oneOf: [
		{
			type: "object",
			required: ["license"],
			additionalProperties: false,
			properties: {
				license: { type: "object", required: ["id"], additionalProperties: false, properties: { id: NAME } },
			},
		},
		{ type: "object", required: ["expression"], additionalProperties: false, properties: { expression: NAME } },
	],
};
const SCHEMA = {
	definitions: {
		component: {
			type: "object",
			required: ["type", "name"],
			additionalProperties: false,
			properties: {
				type: { enum: ["application", "framework", "library", "firmware", "operating-system", "device", "file"] },
				"bom-ref": NAME,
				name: NAME,
				version: { type: "string", maxLength: 1_024 },
				description: NAME,
				hashes: {
					type: "array",
					items: {
						type: "object",
						required: ["alg", "content"],
						additionalProperties: false,
						properties: {
							alg: { enum: ["SHA-256", "SHA-512"] },
							content: { pattern: "^([a-f0-9]{64}|[a-f0-9]{128})$" },
						},
					},
				},
				licenses: { type: "array", items: LICENCE },
				purl: { pattern: "^pkg:[a-z]+/[^\\s]+@[^\\s@]+$" },
				properties: PROPERTIES,
				components: { type: "array", uniqueItems: true, items: { $ref: "#/definitions/component" } },
			},
		},
	},
	type: "object",
	required: ["bomFormat", "specVersion", "version", "metadata", "components", "dependencies", "compositions"],
	additionalProperties: false,
	properties: {
		$schema: { const: "http://cyclonedx.org/schema/bom-1.6.schema.json" },
		bomFormat: { const: "CycloneDX" },
		specVersion: { const: "1.6" },
		serialNumber: { pattern: "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" },
		version: { type: "integer", minimum: 1 },
		metadata: {
			type: "object",
			required: ["component"],
			additionalProperties: false,
			properties: {
				timestamp: { pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$" },
				lifecycles: { type: "array", items: { type: "object", required: ["phase"] } },
				component: { $ref: "#/definitions/component" },
				properties: PROPERTIES,
			},
		},
		components: { type: "array", uniqueItems: true, items: { $ref: "#/definitions/component" } },
		dependencies: {
			type: "array",
			uniqueItems: true,
			items: {
				type: "object",
				required: ["ref"],
				additionalProperties: false,
				properties: { ref: NAME, dependsOn: { type: "array", uniqueItems: true, items: NAME } },
			},
		},
		compositions: { type: "array", items: { type: "object", required: ["aggregate"] } },
	},
};
const isValid = new Ajv({ allErrors: true, strict: false }).compile(SCHEMA);

interface Component {
	readonly "bom-ref": string;
	readonly name: string;
	readonly version?: string;
	readonly hashes?: readonly { readonly content: string }[];
	readonly licenses: readonly object[];
	readonly components?: readonly Component[];
	readonly properties?: readonly { readonly name: string; readonly value: string }[];
}
interface Bill {
	readonly serialNumber?: string;
	readonly metadata: {
		readonly timestamp?: string;
		readonly component: Component;
		readonly properties: readonly { readonly name: string; readonly value: string }[];
	};
	readonly components: readonly Component[];
	readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

function bill(args: readonly string[] = [], environment: Record<string, string> = {}) {
	const { status, stdout, stderr } = run("sbom", args, environment);
	assert.equal(status, 0, stderr);
	const value: Bill = JSON.parse(stdout);
	assert.ok(isValid(value), JSON.stringify(isValid.errors, undefined, " "));
	// Each is named once, and each name is somebody's.
	const all = value.components.flatMap((component) => [component, ...(component.components ?? [])]);
	const refs = [value.metadata.component, ...all].map((component) => component["bom-ref"]);
	assert.equal(new Set(refs).size, refs.length);
	assert.deepEqual(value.dependencies.map(({ ref }) => ref).sort(), [...refs].sort());
	for (const { dependsOn = [] } of value.dependencies) for (const ref of dependsOn) assert.ok(refs.includes(ref), ref);
	return { text: stdout, value };
}

const leftOut = ({ metadata }: Bill) => metadata.properties.map(({ value }) => value);

test("it has the packages of the bundle as the lock file has them, the same text each time", () => {
	const { text, value } = bill();
	assert.equal(bill().text, text);
	assert.ok(!text.includes(process.cwd()), "no path of this computer");
	assert.deepEqual(
		[value.serialNumber, value.metadata.timestamp, value.metadata.component.name],
		[undefined, undefined, "veleta"],
	);
	const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
	const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
	assert.deepEqual(value.components.map(({ name }) => name).sort(), Object.keys(dependencies).sort());
	for (const { name, version, hashes, licenses } of value.components) {
		const locked = lock.packages[`node_modules/${name}`];
		assert.equal(version, locked.version);
		assert.deepEqual(licenses, [{ license: { id: locked.license } }]);
		assert.equal(`sha512-${Buffer.from(hashes![0]!.content, "hex").toString("base64")}`, locked.integrity);
	}
	assert.deepEqual(leftOut(value), ["Moddable SDK: MODDABLE is not set", "ESP-IDF: IDF_PATH is not set"]);
});

test("it has the SDK and ESP-IDF where they are installed, with the parts whose version ESP-IDF's headers tell", () => {
	const { environment, remove } = installation([6, 0, 1]);
	try {
		const { MODDABLE, IDF_PATH } = environment;
		const bare = bill([], { MODDABLE, IDF_PATH }).value;
		assert.deepEqual(
			bare.components.map(({ name, version }) => [name, version]),
			[
				["mqtt-packet", bare.components[0]!.version],
				["Moddable SDK", "8.2.3"],
				["ESP-IDF", "v6.0.1"],
			],
		);
		assert.deepEqual(
			leftOut(bare).map((text) => text.split(":")[0]),
			["Mbed TLS", "lwIP", "FreeRTOS"],
		);
		const modules = bare.components[1]!.properties!.map((property) => property.value);
		assert.ok(modules.includes("embedded:io/i2c") && modules.includes("timer"), modules.join());
		assert.ok(!modules.includes("config"), "the user's settings are nobody's module");
		for (const [path, text] of [
			["components/mbedtls/mbedtls/include/mbedtls/build_info.h", '#define MBEDTLS_VERSION_STRING         "4.0.0"\n'],
			[
				"components/lwip/lwip/src/include/lwip/init.h",
				"#define LWIP_VERSION_MAJOR      2\n#define LWIP_VERSION_MINOR      1\n#define LWIP_VERSION_REVISION   3\n",
			],
			[
				"components/freertos/FreeRTOS-Kernel/include/freertos/task.h",
				'#define tskKERNEL_VERSION_NUMBER       "V10.5.1"\n',
			],
		] as const) {
			const file = join(IDF_PATH, path);
			mkdirSync(dirname(file), { recursive: true });
			writeFileSync(file, text);
		}
		const full = bill([], { MODDABLE, IDF_PATH }).value;
		assert.deepEqual(
			full.components[2]!.components!.map(({ name, version }) => [name, version]),
			[
				["Mbed TLS", "4.0.0"],
				["lwIP", "2.1.3"],
				["FreeRTOS", "10.5.1"],
			],
		);
		assert.deepEqual(leftOut(full), []);
		const wrong = bill([], { MODDABLE: "/nowhere", IDF_PATH: "/nowhere" }).value;
		assert.deepEqual(leftOut(wrong), [
			"Moddable SDK: no version is where MODDABLE names it",
			"ESP-IDF: none is where IDF_PATH names it",
		]);
	} finally {
		remove();
	}
});

test("the board is told; --stamp is another one each time", () => {
	const board = Object.keys(BOARDS).at(-1)!;
	const [first, second] = [bill(["--board", board, "--stamp"]).value, bill(["--stamp"]).value];
	assert.equal(first.metadata.component.properties![0]!.value, board);
	assert.ok(first.serialNumber !== undefined && first.serialNumber !== second.serialNumber);
	const { status, stderr } = run("sbom", ["--board", "toaster"]);
	assert.equal(status, 2);
	assert.match(stderr, /^--board toaster: the boards are esp32, /);
});
