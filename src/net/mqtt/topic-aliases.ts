/** The topic aliases of one connection (5.0, 3.3.2.3.4): numbers that stand for topics from their second message on. */

/** Topics that get an alias, unless the broker takes fewer: a station has a few. */
const ALIASES_MAXIMUM = 8;

export class TopicAliases {
	private readonly _maximum: number;
	private readonly _known = new Map<string, number>();

	/** @param topicAliasMaximum how many the broker takes */
	constructor(topicAliasMaximum: number) {
		this._maximum = Math.min(topicAliasMaximum, ALIASES_MAXIMUM);
	}

	/** The alias for a topic, if there is one, and whether the broker knows it already [5.0: MQTT-3.3.2-10]. */
	of(topic: string): { readonly topicAlias: number; readonly known: boolean } | undefined {
		const topicAlias = this._known.get(topic);
		if (topicAlias !== undefined) return { topicAlias, known: true };
		if (this._known.size >= this._maximum) return undefined;
		return { topicAlias: this._known.size + 1, known: false };
	}

	/** The topic leaves together with its alias. */
	learn(topic: string, topicAlias: number): void {
		this._known.set(topic, topicAlias);
	}
}
