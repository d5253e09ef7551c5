/** MQTT's rules for topic names and topic filters (section 4.7), their length aside. `[MQTT-…]` as numbered in 3.1.1. */

/** The fault of a topic name, or `undefined`. */
export function topicNameFault(topic: string): string | undefined {
	if (topic === "") return "empty topic name [MQTT-4.7.3-1]";
	if (topic.includes("\0")) return "topic name with U+0000 [MQTT-4.7.3-2]";
	if (topic.includes("#") || topic.includes("+")) return "topic name with a wildcard [MQTT-3.3.2-2]";
	return undefined;
}

/** The fault of a topic filter, or `undefined`. */
export function topicFilterFault(filter: string): string | undefined {
	if (filter === "") return "empty topic filter [MQTT-4.7.3-1]";
	if (filter.includes("\0")) return "topic filter with U+0000 [MQTT-4.7.3-2]";
	const levels = filter.split("/");
	for (const [index, level] of levels.entries()) {
		if (level.includes("#") && (level !== "#" || index < levels.length - 1)) {
			return 'topic filter with a "#" that is not the whole last level [MQTT-4.7.1-2]';
		}
		if (level.includes("+") && level !== "+") {
			return 'topic filter with a "+" that is not a whole level [MQTT-4.7.1-3]';
		}
	}
	return undefined;
}

/** The fault of a topic filter for a shared subscription (5.0, section 4.8.2), or `undefined`. */
export function sharedFilterFault(filter: string, noLocal: boolean): string | undefined {
	if (!filter.startsWith("$share/")) return undefined;
	if (noLocal) return "shared subscription with No Local [5.0: MQTT-3.8.3-4]";
	const [, shareName, ...levels] = filter.split("/");
	const complete = shareName !== "" && !/[+#]/.test(shareName!) && levels.join("/") !== "";
	return complete ? undefined : 'shared subscription without "$share/NAME/FILTER" [5.0: MQTT-4.8.2-1, 4.8.2-2]';
}

/** Whether a topic filter takes a topic name; both are without a fault. */
export function topicMatches(filter: string, topic: string): boolean {
	if (filter === topic) return true;
	const filters = filter.split("/");
	const levels = topic.split("/");
	// What begins with $ is the broker's own: no wildcard takes it in [MQTT-4.7.2-1].
	if (topic.startsWith("$") && (filters[0] === "+" || filters[0] === "#")) return false;
	for (const [index, level] of filters.entries()) {
		// The parent level belongs to "#", too.
		if (level === "#") return true;
		if (index >= levels.length || (level !== "+" && level !== levels[index])) return false;
	}
	return filters.length === levels.length;
}
