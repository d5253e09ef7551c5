/** Topic names and topic filters (section 4.7). */

/** Whether a topic name may be published to. */
export function isTopicName(topic: string): boolean {
	return topic.length > 0 && !/[+#\0]/.test(topic);
}

/** Whether a topic filter may be subscribed to; shared subscriptions are none here. */
export function isTopicFilter(filter: string): boolean {
	if (filter.length === 0 || filter.includes("\0")) return false;
	const levels = filter.split("/");
	return levels.every(
		(level, index) =>
			level === "+" || (level === "#" ? index === levels.length - 1 : !level.includes("+") && !level.includes("#")),
	);
}

export function matches(filter: string, topic: string): boolean {
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
