/** A serial port of this computer as a page's `navigator.serial`: a browser without a screen lets nobody choose one. */
import type { Page } from "playwright-core";
import type { SerialPort } from "serialport";

/** What the page has done to the port. */
export interface PagePort {
	/** DTR and RTS, as they were set one after the other. */
	readonly signals: { readonly dataTerminalReady: boolean; readonly requestToSend: boolean }[];
	readonly openings: () => number;
	/** Unplugs it, for the page. */
	unplug(): Promise<void>;
}

/** To be called before the page is loaded. */
export async function giveSerial(page: Page, port: SerialPort): Promise<PagePort> {
	const signals: PagePort["signals"] = [];
	let openings = 0;
	await page.exposeFunction("serialWritten", (bytes: number[]) => void port.write(Buffer.from(bytes)));
	await page.exposeFunction("serialSignals", (set: PagePort["signals"][number]) => void signals.push(set));
	await page.exposeFunction("serialOpened", () => void openings++);
	await page.addInitScript(pageScript);
	port.on("data", (bytes: Buffer) => {
		// A page that is closed hears nothing.
		page.evaluate(`dispatchEvent(new CustomEvent("serial", { detail: [${bytes.join()}] }))`).catch(() => {});
	});
	return {
		...{ signals, openings: () => openings },
		unplug: () => page.evaluate('dispatchEvent(new CustomEvent("unplug"))'),
	};
}

/** Runs in the page, as Web Serial says it: a stream that is cancelled, or has failed, is followed by another one. */
const pageScript = `{
	let readable;
	let controller;
	let isOpen = false;
	const port = new EventTarget();
	Object.defineProperties(port, {
		readable: {
			get() {
				if (!isOpen) return null;
				readable ??= new ReadableStream({
					start(given) {
						controller = given;
					},
					cancel() {
						readable = undefined;
					},
				});
				return readable;
			},
		},
		writable: { get: () => (isOpen ? writable : null) },
	});
	const writable = new WritableStream({ write: (bytes) => serialWritten([...bytes]) });
	Object.assign(port, {
		getInfo: () => ({ usbVendorId: 0x10c4, usbProductId: 0xea60 }),
		async open() {
			if (isOpen) throw new DOMException("The port is already open.", "InvalidStateError");
			isOpen = true;
			await serialOpened();
		},
		async close() {
			if (readable?.locked) throw new TypeError("Cannot cancel a locked stream");
			isOpen = false;
			readable = undefined;
		},
		setSignals: (signals) => serialSignals(signals),
	});
	addEventListener("serial", ({ detail }) => {
		if (isOpen && readable) controller.enqueue(Uint8Array.from(detail));
	});
	addEventListener("unplug", () => {
		isOpen = false;
		controller?.error(new DOMException("The device has been lost.", "NetworkError"));
		readable = undefined;
	});
	Object.defineProperty(navigator, "serial", { value: { requestPort: async () => port, getPorts: async () => [port] } });
}`;
