/** A stream of events to pages without connections, which read as much as a test says; time is the test's. */
import { EventEmitter } from "node:events";
import type { LiveEvent, Question, StationView } from "../../commands/observatory/api.ts";
import { EventStream } from "../../commands/observatory/page/events.ts";
import { Roster } from "../../commands/observatory/page/roster.ts";
import type { PageSource } from "./page-source.ts";

export class EventPage extends EventEmitter {
	isGone = false;
	/** What was written, before it is read, too. */
	readonly written: string[] = [];
	private readonly _reads: boolean;

	/** `reads`: each message at once; if not, none. */
	constructor(reads: boolean) {
		super();
		this._reads = reads;
	}

	writeHead(): void {}

	write(text: string, onRead?: () => void): void {
		this.written.push(text);
		if (this._reads) onRead?.();
	}

	destroy(): void {
		this.isGone = true;
		this.emit("close");
	}

	get messages(): string[] {
		return this.written.filter((text) => text.startsWith("data: "));
	}

	get bytes(): number {
		return this.written.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
	}

	get events(): LiveEvent[] {
		return this.messages.flatMap((text) => JSON.parse(text.slice("data: ".length)));
	}
}

export class EventPages {
	/** In ms. */
	now = 0;
	readonly stream: EventStream;

	constructor(
		source: PageSource,
		shown: (station: StationView, isListed: boolean) => StationView = (station) => station,
	) {
		const now = () => this.now;
		this.stream = new EventStream({ source, roster: new Roster(source, now), now, shown });
	}

	open(question: Question, reads = true): EventPage {
		const page = new EventPage(reads);
		if (!this.stream.add(page as never, question)) throw new Error("there is no room for a page more");
		return page;
	}
}

/** Lets what was asked of a source in memory be answered. */
export async function answered(): Promise<void> {
	for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}
