/** The SDK's modules for programs in mcsim, as far as they are used here. */
declare module "control" {
	/** An object that gets the panel's messages. */
	export default class Control {
		onJSON(message: unknown): void;
		postJSON(message: unknown): void;
		close(): void;
	}
}
