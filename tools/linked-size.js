/** The size of the JavaScript in a board's flash, from the output of `xsl`, XS's linker. */

/** Bytes of an element on a 32-bit machine, by the type of the tables that xsl writes. */
const ELEMENT_BYTES = {
	txSlot: 16,
	"txSlot* const": 4,
	txInteger: 4,
	txID: 2,
	txU1: 1,
	txU4: 4,
	txScript: 36,
	xsHostBuilder: 12,
};
/** The engine's own tables and a few functions in C: 2,135 to 2,289 bytes in four programs. */
const REST_BYTES = 2_300;

/**
 * `source` is xsl's `mc.xs.c`: tables, and bytecode and names as C strings.
 * `linkedJavaScript` is its size after a compiler for a 32-bit machine, in bytes,
 * to a tenth of a percent.
 */
export function sizeOf(source) {
	const counts = new Map(Array.from(source.matchAll(/^#define (\w+) (\d+)$/gm), ([, name, count]) => [name, +count]));
	let linkedJavaScript = REST_BYTES;
	for (const [, type, count] of source.matchAll(
		/^static const ([\w* ]+?) (?:ICACHE_\w+ )?\w+\[(\w+)\](?: ICACHE_\w+)? = \{/gm,
	)) {
		if (!(type in ELEMENT_BYTES)) throw new Error(`mc.xs.c has a table of ${type}, of unknown size`);
		linkedJavaScript += (counts.get(count) ?? Number(count)) * ELEMENT_BYTES[type];
	}
	// A compiler keeps equal ones once, each on a boundary of 4 bytes.
	for (const string of new Set(source.match(/"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*/g))) {
		const bytes = string
			.replace(/"\s*"/g, "")
			.slice(1, -1)
			.replace(/\\(?:x[0-9a-f]{1,2}|[0-7]{1,3}|.)/gi, ".").length;
		linkedJavaScript += Math.ceil((bytes + 1) / 4) * 4;
	}
	return { linkedJavaScript, slots: counts.get("mxHeapCount"), names: counts.get("mxKeysCount") };
}
