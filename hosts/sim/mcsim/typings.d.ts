/** What the SDK gives to programs in mcsim, as far as it is used here. */
declare module "control" {
	/** One of the objects that get what the panel posts. */
	export default class Control {
		onJSON(message: unknown): void;
		postJSON(message: unknown): void;
		close(): void;
	}
}
