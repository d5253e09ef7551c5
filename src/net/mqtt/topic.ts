/** MQTT's rules for topic names and topic filters (3.1.1, section 4.7), their length aside. */

/** What is wrong with a topic name, or `undefined`. */
export function topicNameFault(topic: string): string | undefined {
	if (topic === "") return "empty topic name [MQTT-4.7.3-1]";
	if (topic.includes("\0")) return "topic name with U+0000 [MQTT-4.7.3-2]";
	if (topic.includes("#") || topic.includes("+")) return "topic name with a wildcard [MQTT-3.3.2-2]";
	return undefined;
}

/** What is wrong with a topic filter, or `undefined`. */
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
