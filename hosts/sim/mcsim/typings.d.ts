/** The SDK's modules for programs in mcsim, as far as they are used here. */
declare module "control" {
	/** One of the objects that get what the panel posts. */
	export default class Control {
		onJSON(message: unknown): void;
		postJSON(message: unknown): void;
		close(): void;
	}
}
