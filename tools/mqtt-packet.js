/**
 * mqtt-packet for a small machine: an esbuild plugin that replaces Node's modules
 * with this project's small stand-ins, and edits mqtt-packet's source.
 * mqtt-packet's own test suite runs against the result.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * To ES modules, so that the bundler finds constants and unused code; and without
 * debug statements, a fifth of the work of reading a PUBACK.
 */
const TO_MODULE = [
	[/^ *debug\(.*\)$/gm, ""],
	[/^const debug = .*$/m, ""],
	["const protocol = require('./constants')", 'import * as protocol from "./constants"'],
	["const constants = require('./constants')", 'import * as constants from "./constants"'],
	[/^const (\w+|\{ \w+ \}) = require\('(.+)'\)$/gm, 'import $1 from "$2"'],
	["const nextTick = require('process-nextick-args').nextTick", 'import { nextTick } from "process-nextick-args"'],
	["module.exports =", "export default"],
];

/** Replacements by file. Each must match at least once, or the build fails. */
const EDITS = {
	"constants.js": [
		["const protocol = module.exports\n", ""],
		[/^protocol\.(\w+) =/gm, "export const $1 ="],
		["protocol.", ""],
		// 96 Buffers, for each first byte that a packet may have: they take 17 KB of flash, and are made when they are needed.
		[/genHeader\('(\w+)'\)/g, "codes.$1 << CMD_SHIFT"],
		[
			/^function genHeader [\s\S]*?^\}$/gm,
			`export function header (type, qos, dup, retain) {
				return Buffer.from([type | (dup ? DUP_MASK : 0) | qos << QOS_SHIFT | retain])
			}`,
		],
		// mqtt-packet uses only the numbers of reason codes: 2 KB less without the texts.
		[
			/^export const (MQTT5_\w+_CODES) = \{([^}]*)\}$/gm,
			(_, name, codes) => `export const ${name} = ",${Array.from(codes.matchAll(/0x\w+/g), Number)},"`,
		],
		// An error's text for each type of packet takes 1 KB.
		[/^export const requiredHeaderFlagsErrors = [\s\S]*?^\}$/gm, ""],
		// In a preloaded module an object that is not frozen takes RAM.
		[
			/^export const \w+ = [[{][\s\S]*$/gm,
			(rest) => `${rest}\nfor (const table of [${tables(rest)}]) Object.freeze(table)\n`,
		],
	],
	"parser.js": [
		[/!constants\.(MQTT5_\w+_CODES)\[([\w.]+)\]/g, "!constants.$1.includes(',' + $2 + ',')"],
		[
			"constants.requiredHeaderFlagsErrors[cmdIndex]",
			"'Invalid header flag bits, must be 0x' + requiredHeaderFlags + ' for ' + this.packet.cmd + ' packet'",
		],
		// A method that is called by a string would have to keep its name.
		[/'(_parseHeader|_parseLength|_parsePayload|_newPacket)'/g, "this.$1"],
		["this[this._states[this._stateCounter]]()", "this._states[this._stateCounter].call(this)"],
		// With `readProperties` the decoder reads the properties, as mqtt-packet lets pass values that MQTT forbids.
		[
			/^ *const properties = this\._parseProperties\(\)\n *if \(Object\.getOwnPropertyNames\(properties\)\.length\) \{\n *packet\.properties = properties\n *\}$/gm,
			"this._takeProperties()",
		],
		[
			"  _parseProperties () {",
			`  _takeProperties () {
				const { readProperties } = this.settings
				if (readProperties) this._pos = readProperties(this.packet, this._list, this._pos)
				else this._keepProperties()
			}
  _keepProperties () {
				const properties = this._parseProperties()
				if (Object.getOwnPropertyNames(properties).length) this.packet.properties = properties
  }
  _parseProperties () {`,
		],
	],
	"writeToStream.js": [
		[/(protocol\.(?:\w+_HEADER|ACKS\[type\]))\[(.+?)\]\[(.+?)\]\[(.+?)\]/g, "protocol.header($1, $2, $3, $4)"],
		// A cache of 65,536 Buffers for all numbers of 16 bits: none of it would fit. Its switch stays, and switches nothing.
		[/^let toGenerate = true$/gm, ""],
		[/^ *if \(toGenerate\) \{[^}]*\}$/gm, ""],
		[/^Object\.defineProperty\(generate, 'cacheNumbers', [\s\S]*?^\}\)$/gm, "generate.cacheNumbers = true"],
		["let writeNumber = writeNumberCached", "const writeNumber = writeNumberGenerated"],
		// A cache of remaining lengths, some 200 bytes of RAM for each length ever sent.
		["const varByteIntCache = {}", ""],
		[
			/^ *let buffer = varByteIntCache\[num\]\s+if \(!buffer\) \{[^}]*\}$/gm,
			"const buffer = genBufVariableByteInt(num)",
		],
	],
};

/** Removals by file, for a client: reading and writing packets that only a broker reads and writes (5 KB), and reading properties. */
const CLIENT_EDITS = {
	"parser.js": [
		[/^ *case '(connect|subscribe|unsubscribe)':\n *this\.\w+\(\)\n *break\n/gm, ""],
		[/^ {2}_parse(Connect|Subscribe|Unsubscribe) \(\) \{[\s\S]*?^ {2}\}$/gm, ""],
		[/^\s*else this\._keepProperties\(\)$/gm, ""],
		[/^ {2}_(keepProperties|parse(Properties|ByType|Buffer|StringPair|4ByteNum)) \([^)]*\) \{[\s\S]*?^ {2}\}$/gm, ""],
	],
	"writeToStream.js": [[/^ *case '(connack|suback|unsuback)':\n *return .*\n/gm, ""]],
};

/** The names of exported objects and arrays. */
function tables(source) {
	return Array.from(source.matchAll(/^export const (\w+) = [[{]/gm), ([, name]) => name).join();
}

/** An esbuild plugin; `standIns` is the folder of the stand-ins, and `client` applies CLIENT_EDITS. */
export const mqttPacketPlugin = (standIns, client = false) => ({
	name: "mqtt-packet",
	setup(build) {
		build.onResolve({ filter: /^(buffer|events|bl|process-nextick-args)$/ }, ({ path }) => ({
			path: join(standIns, `${path}.ts`),
		}));
		build.onLoad({ filter: /[\\/]mqtt-packet[\\/]\w+\.js$/ }, ({ path }) => {
			let source = readFileSync(path, "utf8");
			for (const [from, to] of TO_MODULE) source = source.replace(from, to);
			const file = basename(path);
			const edits = [...(EDITS[file] ?? []), ...((client && CLIENT_EDITS[file]) || [])];
			for (const [from, to] of edits) {
				const edited = source.replaceAll(from, to);
				if (edited === source) throw new Error(`${path} has no ${from} any more`);
				source = edited;
			}
			return { contents: source };
		});
	},
});
