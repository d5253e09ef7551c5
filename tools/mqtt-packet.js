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
	[/^const (\w+) = require\('(\.\/(?:constants|numbers))'\)$/gm, 'import * as $1 from "$2"'],
	[/^const (\w+|\{ \w+ \}) = require\('(.+)'\)$/gm, 'import $1 from "$2"'],
	["const nextTick = require('process-nextick-args').nextTick", 'import { nextTick } from "process-nextick-args"'],
	["module.exports =", "export default"],
];

/** Types of MQTT 5.0's properties: shorter names for where they are told apart. */
const TYPE_LETTERS = { byte: "b", int8: "1", int16: "2", int32: "4", var: "v", string: "s", pair: "p", binary: "x" };
const TYPE_NAME = /'(byte|int8|int16|int32|var|string|pair|binary)'/g;
const typeLetters = [
	/^( *case )'(\w+)': \{$/gm,
	(all, begin, type) => (TYPE_LETTERS[type] ? `${begin}'${TYPE_LETTERS[type]}': {` : all),
];

/** By file: what is replaced, once at the least, or the build fails. */
const EDITS = {
	"constants.js": [
		["const protocol = module.exports\n", ""],
		[/^protocol\.(\w+) =/gm, "export const $1 ="],
		["protocol.", ""],
		// Buffers of a byte or two, some 180 bytes of flash each: for 96 first bytes of packets, and for 14 other things.
		[/^export const (\w+_HEADER = .*|VERSION\d+ = .*|(ACKS|EMPTY) = \{[^}]*\})$/gm, ""],
		[/^export const QOS = [\s\S]*?^\}\)$/gm, ""],
		[/^function genHeader [\s\S]*?^\}$/gm, ""],
		// A text for each packet type, where it can be put together at need, and a table of zeros and three twos.
		[/^export const requiredHeaderFlags(Errors)? = [\s\S]*?^\}$/gm, ""],
		// A list tells both the name of a packet type and the type of a name.
		[/^export const types = \{([^}]*)\}$/gm, (_, names) => `export const types = [${names.replace(/\d+: /g, "")}]`],
		[/^export const codes = [\s\S]*?^\}$/gm, ""],
		["export const propertiesCodes = {}", "export const propertiesCodes = []"],
		// A letter for each property, in place of a slot.
		[
			/^export const propertiesTypes = \{([^}]*)\}$/gm,
			(_, types) => `const propertiesTypes = {${types.replace(TYPE_NAME, (_, type) => `'${TYPE_LETTERS[type]}'`)}}
				const letters = propertiesCodes.map(name => propertiesTypes[name])
				const typesById = Array.from(letters, letter => letter || ' ').join('')
				export const typeOfProperty = name => typesById.charAt(propertiesCodes.indexOf(name))`,
		],
		// Nothing but whether a reason code is there is asked for: one text, not a slot and a text for each.
		[
			/^export const (MQTT5_\w+_CODES) = \{([^}]*)\}$/gm,
			(_, name, codes) => `export const ${name} = ",${Array.from(codes.matchAll(/0x\w+/g), Number)},"`,
		],
		// In a preloaded module whatever could be changed takes up RAM.
		[
			/^export const \w+ = [[{][\s\S]*$/gm,
			(rest) => `${rest}\nfor (const table of [${tables(rest)}]) Object.freeze(table)\n`,
		],
	],
	"parser.js": [
		// 2 for PUBREL, SUBSCRIBE and UNSUBSCRIBE, any for PUBLISH and the type 0, else 0.
		["constants.requiredHeaderFlags[cmdIndex]", "cmdIndex % 3 || cmdIndex > 3 ? (0x540 >> cmdIndex & 1) << 1 : null"],
		[
			"new Error(constants.requiredHeaderFlagsErrors[cmdIndex])",
			"'Invalid header flag bits, must be 0x' + requiredHeaderFlags.toString(16) + ' for ' + this.packet.cmd + ' packet'",
		],
		// A call by name keeps the name from becoming shorter, and the list of names takes up RAM.
		[/^ *this\._states = \[[^\]]*\]$/gm, ""],
		["this[this._states[this._stateCounter]]()", "this._step()"],
		[
			"  _parseHeader () {",
			`  _step () {
				switch (this._stateCounter) {
					case 0: return this._parseHeader()
					case 1: return this._parseLength()
					case 2: return this._parsePayload()
					default: return this._newPacket()
				}
			}
			_parseHeader () {`,
		],
		["this._states.length", "4"],
		[/this\._emitError\(new Error\((.*)\)\)/g, "this._emitError($1)"],
		["_emitError (err) {", "_emitError (text) {\nconst err = new Error(text)"],
		[
			/^ *const properties = this\._parseProperties\(\)\n *if \(Object\.getOwnPropertyNames\(properties\)\.length\) \{\n *packet\.properties = properties\n *\}$/gm,
			"this._takeProperties()",
		],
		[
			"  _parseProperties () {",
			`  _takeProperties () {
				const properties = this._parseProperties()
				if (Object.getOwnPropertyNames(properties).length) this.packet.properties = properties
			}
			_parseProperties () {`,
		],
		// A packet of 4 KB may have 800 user properties: nothing is made of them if the option says so.
		[
			"      if (name === 'userProperties') {",
			`      if (name === 'userProperties' && this.settings.ignoreUserProperties) {
				this._skipString()
				this._skipString()
				continue
			}
			if (name === 'userProperties') {`,
		],
		[
			"  _parseStringPair () {",
			`  _skipString () {
				const length = this._parseNum()
				if (length > 0) this._pos += length
			}
			_parseStringPair () {`,
		],
		typeLetters,
		["constants.propertiesTypes[name]", "constants.typeOfProperty(name)"],
		[/!constants\.(MQTT5_\w+_CODES)\[([\w.]+)\]/g, "!constants.$1.includes(',' + $2 + ',')"],
	],
	"numbers.js": [
		// A cache of 65,536 Buffers for all numbers of 16 bits: none of it would fit. Its switch stays, and switches nothing.
		[/^const (max|cache) = .*$/gm, ""],
		[/^function generateCache [\s\S]*?^\}$/gm, ""],
		[/^ *(cache|generateCache),$/gm, ""],
		["  generateNumber: generateBuffer", "  generateBuffer as generateNumber"],
		["export default {", "export {"],
		["SubOk ? buffer.subarray(0, pos) : buffer.slice(0, pos)", "buffer.subarray(0, pos)"],
		[/^const SubOk = .*$/gm, ""],
	],
	"writeToStream.js": [
		[/^const (\w+Cache) = numbers\..*$/gm, ""],
		[/^let toGenerate = true$/gm, ""],
		[/^ *if \(toGenerate\) \{[^}]*\}$/gm, ""],
		[/^Object\.defineProperty\(generate, 'cacheNumbers', [\s\S]*?^\}\)$/gm, "generate.cacheNumbers = true"],
		[/^let writeNumber = writeNumberCached$/gm, ""],
		[/^function writeNumberCached [\s\S]*?^\}$/gm, ""],
		["function writeNumberGenerated", "function writeNumber"],
		[/^const (\w+) = numbers\.\1$/gm, 'import { $1 } from "./numbers"'],
		[
			"protocol.PUBLISH_HEADER[qos][settings.dup ? 1 : 0][retain ? 1 : 0]",
			"header('publish', qos, settings.dup, retain)",
		],
		["protocol.SUBSCRIBE_HEADER[1][dup ? 1 : 0][0]", "header('subscribe', 1, dup, 0)"],
		["protocol.UNSUBSCRIBE_HEADER[1][dup ? 1 : 0][0]", "header('unsubscribe', 1, dup, 0)"],
		["protocol.ACKS[type][qos][dup][0]", "header(type, qos, dup, 0)"],
		["protocol.CONNECT_HEADER", "header('connect')"],
		["protocol.CONNACK_HEADER", "header('connack')"],
		["protocol.SUBACK_HEADER", "header('suback')"],
		[
			"settings.sessionPresent ? protocol.SESSIONPRESENT_HEADER : zeroBuf",
			"Buffer.from([settings.sessionPresent ? 1 : 0])",
		],
		["const zeroBuf = Buffer.from([0])", ""],
		["const empty = Buffer.allocUnsafe(0)", ""],
		["|| empty", "|| Buffer.allocUnsafe(0)"],
		[/^ *protocolVersion === 131$[\s\S]*?protocol\.VERSION3$/gm, "Buffer.from([protocolVersion])"],
		["protocol.EMPTY[packet.cmd]", "Buffer.from([protocol.types.indexOf(packet.cmd) << protocol.CMD_SHIFT, 0])"],
		["protocol.codes.disconnect", "14"],
		["protocol.codes.auth", "15"],
		["protocol.SUBSCRIBE_OPTIONS_QOS[jqos]", "jqos"],
		["protocol.SUBSCRIBE_OPTIONS_RH[jrh]", "jrh << 4"],
		typeLetters,
		[/protocol\.propertiesTypes\[(\w+)\]/g, "protocol.typeOfProperty($1)"],
		["stream.write(Buffer.from([protocol.properties[propName]]))", "stream.write(id)"],
		[
			"function writeProperty (stream, propName, value) {",
			`function writeProperty (stream, propName, value) {
				const id = Buffer.from([protocol.propertiesCodes.indexOf(propName)])`,
		],
		[/^ *stream\.destroy\(new Error\((.+)\)\)\n *return false$/gm, "return refuse(stream, $1)"],
		[
			"function uncork",
			`function refuse (stream, text) {
				stream.destroy(new Error(text))
				return false
			}
			function uncork`,
		],
		[
			"function uncork",
			`function header (type, qos, dup, retain) {
				const flags = (dup ? protocol.DUP_MASK : 0) | qos << protocol.QOS_SHIFT | (retain ? protocol.RETAIN_MASK : 0)
				return Buffer.from([protocol.types.indexOf(type) << protocol.CMD_SHIFT | flags])
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

/** By file: what a client has no use for, which is reading and writing packets that only a broker reads and writes. */
const CLIENT_EDITS = {
	"parser.js": [
		[/^ *case '(connect|subscribe|unsubscribe)':\n *this\.\w+\(\)\n *break\n/gm, ""],
		[/^ {2}_parse(Connect|Subscribe|Unsubscribe) \(\) \{[\s\S]*?^ {2}\}$/gm, ""],
	],
	"writeToStream.js": [
		[/^ *case '(connack|suback|unsuback)':\n *return .*\n/gm, ""],
		// What the encoder gives it has no `cork`.
		[/^ *if \(stream\.cork\) \{[^}]*\}$/gm, ""],
		["generate.cacheNumbers = true", ""],
		// The encoder names no maximum packet size.
		[/getPropertiesByMaximumPacketSize\((stream, properties), opts, length\)/g, "getProperties($1)"],
	],
};

/** The names of exported objects and arrays. */
function tables(source) {
	return Array.from(source.matchAll(/^export const (\w+) = [[{]/gm), ([, name]) => name).join();
}

/** An esbuild plugin; `standIns` is the folder of the stand-ins, and `client` leaves out what a client has no use for. */
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
