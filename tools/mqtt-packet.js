/**
 * mqtt-packet for a small machine: an esbuild plugin that answers what it
 * requires of Node with this project's small stand-ins, and edits its source.
 * mqtt-packet's own test suite runs against the result.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * To ES modules, of which the bundler sees what is constant and what is never
 * used, and without debug statements, a fifth of the work of reading a PUBACK.
 */
const TO_MODULE = [
	[/^ *debug\(.*\)$/gm, ""],
	[/^const debug = .*$/m, ""],
	[/^const (\w+) = require\('(\.\/constants)'\)$/m, 'import * as $1 from "$2"'],
	[/^const (\w+|\{ \w+ \}) = require\('(.+)'\)$/gm, 'import $1 from "$2"'],
	["const nextTick = require('process-nextick-args').nextTick", 'import { nextTick } from "process-nextick-args"'],
	["module.exports =", "export default"],
];

/** By file: what is replaced, once at the least, or the build fails. */
const EDITS = {
	"constants.js": [
		["const protocol = module.exports\n", ""],
		[/^protocol\.(\w+) =/gm, "export const $1 ="],
		["protocol.", ""],
		// Buffers of one byte for 96 first bytes of packets: 17 KB of flash.
		[/^export const (\w+_HEADER = genHeader.*|ACKS = \{[^}]*\})$/gm, ""],
		[/^function genHeader [\s\S]*?^\}$/gm, ""],
		// In a preloaded module whatever could be changed takes up RAM.
		[
			/^export const \w+ = [[{][\s\S]*$/gm,
			(rest) => `${rest}\nfor (const table of [${tables(rest)}]) Object.freeze(table)\n`,
		],
	],
	"writeToStream.js": [
		[
			"protocol.PUBLISH_HEADER[qos][settings.dup ? 1 : 0][retain ? 1 : 0]",
			"header('publish', qos, settings.dup, retain)",
		],
		["protocol.SUBSCRIBE_HEADER[1][dup ? 1 : 0][0]", "header('subscribe', 1, dup, 0)"],
		["protocol.UNSUBSCRIBE_HEADER[1][dup ? 1 : 0][0]", "header('unsubscribe', 1, dup, 0)"],
		["protocol.ACKS[type][qos][dup][0]", "header(type, qos, dup, 0)"],
		[
			"function uncork",
			`function header (type, qos, dup, retain) {
				const flags = (dup ? protocol.DUP_MASK : 0) | qos << protocol.QOS_SHIFT | (retain ? protocol.RETAIN_MASK : 0)
				return Buffer.from([protocol.codes[type] << protocol.CMD_SHIFT | flags])
			}
			function uncork`,
		],
		// A cache of remaining lengths, some 200 bytes of RAM for each length ever sent.
		["const varByteIntCache = {}", ""],
		[
			/^ *let buffer = varByteIntCache\[num\]\s+if \(!buffer\) \{[^}]*\}$/gm,
			"const buffer = genBufVariableByteInt(num)",
		],
	],
};

/** The names of exported objects and arrays. */
function tables(source) {
	return Array.from(source.matchAll(/^export const (\w+) = [[{]/gm), ([, name]) => name).join();
}

/** An esbuild plugin; `standIns` is the folder of the stand-ins. */
export const mqttPacketPlugin = (standIns) => ({
	name: "mqtt-packet",
	setup(build) {
		build.onResolve({ filter: /^(buffer|events|bl|process-nextick-args)$/ }, ({ path }) => ({
			path: join(standIns, `${path}.ts`),
		}));
		build.onLoad({ filter: /[\\/]mqtt-packet[\\/]\w+\.js$/ }, ({ path }) => {
			let source = readFileSync(path, "utf8");
			for (const [from, to] of TO_MODULE) source = source.replace(from, to);
			for (const [from, to] of EDITS[basename(path)] ?? []) {
				const edited = source.replaceAll(from, to);
				if (edited === source) throw new Error(`${path} has no ${from} any more`);
				source = edited;
			}
			return { contents: source };
		});
	},
});
