/** The station's topics, by their ends. */

/** Whether readings go there: the newest ones, or those that come after newer ones. */
export function isReadingTopic(topic: string): boolean {
	return topic.endsWith("/state") || topic.endsWith("/late");
}
