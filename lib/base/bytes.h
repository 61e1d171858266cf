/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * Numbers in network byte order at any address. The caller has proved that they are there.
 */
#ifndef WB_BASE_BYTES_H
#define WB_BASE_BYTES_H

#include <stdint.h>

static inline uint16_t wb_load16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t wb_load32(const uint8_t *bytes)
{
	return (uint32_t)wb_load16(bytes) << 16 | wb_load16(bytes + 2);
}

static inline void wb_store16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

#endif
