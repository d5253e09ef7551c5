/** What `tools/config.js` makes of the user's `config.json`. */
declare module "config" {
	/** As the user wrote it. */
	const settings: unknown;
	export default settings;
	/** Of the board's entry in `boards.ts` what the firmware needs, and the entry's key. */
	export const board: { readonly name: string } & Pick<import("./boards.js").Board, "data" | "clock" | "dht" | "led">;
}
