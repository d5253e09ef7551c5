/**
 * Reasons for a restart that the program or a user's new settings asked for, as `machine-rules.c` words them. One text,
 * which is smaller than a list; no other reason is a part of it.
 */
const REQUESTED = "request,update,roll-back,deep sleep";

export function isRequested(restart: unknown): boolean {
	return REQUESTED.includes(String(restart));
}
