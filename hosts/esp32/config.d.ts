/** What `tools/config.js` makes of the user's `config.json`. */
declare module "config" {
	/** As the user wrote it. */
	const settings: unknown;
	export default settings;
	/** Of the board's entry in `boards.ts` what the firmware needs. */
	export const board: Readonly<Record<"data" | "clock" | "dht", number>>;
}
