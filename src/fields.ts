/** What a user wrote, member by member, with errors that name the member. */

/** A setting that cannot be used; the message begins with the setting's name. */
export class SettingsError extends Error {
	override get name(): string {
		return "SettingsError";
	}
}

/** The members of an object that a user wrote, taken one by one. */
export class Fields {
	private readonly _prefix: string;
	private readonly _raw: Record<string, unknown>;
	private readonly _known: string[] = [];

	constructor(prefix: string, raw: unknown) {
		if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
			throw new SettingsError(
				prefix === "" ? "settings: must be an object" : `${prefix.slice(0, -1)}: must be an object`,
			);
		}
		this._prefix = prefix;
		this._raw = raw as Record<string, unknown>;
	}

	value(name: string): unknown {
		if (!this._known.includes(name)) this._known.push(name);
		return this._raw[name];
	}

	optionalString(name: string): string | undefined {
		const value = this.value(name);
		// The value is not shown: it may be a secret in the wrong place.
		if (value !== undefined && typeof value !== "string") throw this._error(name, "must be a text in quotes");
		return value;
	}

	string(name: string, fallback: string): string {
		return this.optionalString(name) ?? fallback;
	}

	number(name: string, lowest: number, highest: number, fallback: number, whose = ""): number {
		const value = this.value(name) ?? fallback;
		if (typeof value !== "number" || !(value >= lowest && value <= highest)) {
			throw this._error(name, `must be a number from ${lowest} to ${highest}${whose}`);
		}
		return value;
	}

	integer(name: string, lowest: number, highest: number, fallback: number): number {
		const value = this.number(name, lowest, highest, fallback);
		if (!Number.isInteger(value)) throw this._error(name, "must be a whole number");
		return value;
	}

	/** False where there is none. */
	boolean(name: string): boolean {
		const value = this.value(name) ?? false;
		if (typeof value !== "boolean") throw this._error(name, "must be true or false, without quotes");
		return value;
	}

	choice<Choice extends string>(name: string, choices: readonly Choice[], fallback: Choice): Choice {
		const value = this.value(name) ?? fallback;
		const choice = choices.find((choice) => choice === value);
		if (choice === undefined) throw this._error(name, `must be one of ${choices.join(", ")}`);
		return choice;
	}

	/** Throws for a member that nobody has taken: most likely a slip of the pen. */
	nothingElse(): void {
		for (const name of Object.keys(this._raw)) {
			if (!this._known.includes(name)) throw this._error(name, `is no setting; there are ${this._known.join(", ")}`);
		}
	}

	private _error(name: string, problem: string): SettingsError {
		return new SettingsError(`${this._prefix}${name}: ${problem}`);
	}
}
