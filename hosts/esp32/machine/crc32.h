/* CRC-32 as in IEEE 802.3, with the bits of each byte from the lowest: no change of up to three bits goes unnoticed. */

#ifndef __CRC32_H__
#define __CRC32_H__

#include <stddef.h>
#include <stdint.h>

/* Of bytes that go on after others with the CRC `crc`; 0 for the beginning. */
uint32_t crc32Of(uint32_t crc, const void *bytes, size_t length);

#endif
