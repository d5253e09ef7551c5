/** The user's `config.json`, as `tools/config.js` passes it. */
declare module "config" {
	/** As the user wrote it. */
	const settings: unknown;
	export default settings;
	/** The firmware's part of the board's entry in `boards.ts`, and the entry's key. */
	export const board: { readonly name: string } & Pick<import("./boards.js").Board, "data" | "clock" | "dht" | "led">;
}
