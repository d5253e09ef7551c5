#include "crc32.h"

#define POLYNOMIAL (0xedb88320)

/* Without a table: what it is taken of has some KB at the most, and comes seldom. */
uint32_t crc32Of(uint32_t crc, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	crc = ~crc;
	while (length--) {
		crc ^= *at++;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) ? POLYNOMIAL : 0);
	}
	return ~crc;
}
