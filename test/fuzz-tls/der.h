/* Changes to DER of which the lengths around stay right. */

#ifndef DER_H
#define DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Changes one node, by its number in the order of the bytes; it goes round where
 * there are not that many. Also what octet strings and bit strings hold is a node,
 * if it is DER. Changes:
 *   tag BYTE, value BYTES (raw, in place of what is there), first BYTES (in front of it), last BYTES,
 *   times COUNT (two bytes), drop, wrap TAG, long (a length in more bytes than it needs), deep COUNT (in as many sequences)
 * Returns the new length, or 0 where it does not fit into `room` or the change is unknown.
 */
size_t derChange(const uint8_t *der, size_t length, uint32_t node, const char *change, const uint8_t *bytes,
	size_t count, uint8_t *out, size_t room);

/* Head of a value of this length; returns its length, at most 5. */
size_t derHead(uint8_t tag, size_t length, uint8_t head[6]);

#endif
