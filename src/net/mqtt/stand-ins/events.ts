/** Node's EventEmitter as far as mqtt-packet calls it: an error without a listener is thrown. */

type Listener = (value: unknown) => void;

export class EventEmitter {
	private _listeners: { readonly event: string; readonly listener: Listener }[] | undefined;

	on(event: string, listener: Listener): this {
		(this._listeners ??= []).push({ event, listener });
		return this;
	}

	emit(event: string, value: unknown): void {
		let heard = false;
		for (let index = 0; this._listeners && index < this._listeners.length; index++) {
			const entry = this._listeners[index]!;
			if (entry.event !== event) continue;
			heard = true;
			entry.listener(value);
		}
		if (event === "error" && !heard) throw value;
	}
}
