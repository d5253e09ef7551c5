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
