/** What `tools/config.js` makes of the user's `config.json`. */
declare module "config" {
	/** As the user wrote it. */
	const settings: unknown;
	export default settings;
	/** The key of a board in `boards.ts`. */
	export const board: string;
}
