/* SPDX-License-Identifier: BSD-3-Clause */
#include "lacp/pdu.h"

#include <errno.h>
#include <string.h>

#include <bsd/string.h>

#include "base/bytes.h"

/* Places in a frame (figure 6-7). */
#define AT_TYPE	     12
#define AT_SUBTYPE   14
#define AT_VERSION   15
#define AT_ACTOR     16
#define AT_PARTNER   36
#define AT_COLLECTOR 56

#define SLOW_PROTOCOLS	  0x8809
#define SUBTYPE_LACP	  1
#define VERSION		  1
#define TLV_ACTOR	  1
#define TLV_PARTNER	  2
#define TLV_COLLECTOR	  3
#define TLV_INFO_LEN	  20
#define TLV_COLLECTOR_LEN 16

static const uint8_t slow_multicast[6] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x02};

static void info_read(const uint8_t *at, struct wb_lacp_info *info)
{
	info->system_priority = wb_load16(at + 2);
	memcpy(info->system, at + 4, sizeof(info->system));
	info->key = wb_load16(at + 10);
	info->port_priority = wb_load16(at + 12);
	info->port = wb_load16(at + 14);
	info->state = at[16];
}

int wb_lacpdu_parse(const uint8_t *frame, uint32_t length, struct wb_lacpdu *pdu)
{
	/* Switches that cut the reserved end are heard all the same. */
	if (length < AT_COLLECTOR || wb_load16(frame + AT_TYPE) != SLOW_PROTOCOLS ||
		frame[AT_SUBTYPE] != SUBTYPE_LACP)
		return -EINVAL;
	if (frame[AT_ACTOR] != TLV_ACTOR || frame[AT_ACTOR + 1] != TLV_INFO_LEN ||
		frame[AT_PARTNER] != TLV_PARTNER || frame[AT_PARTNER + 1] != TLV_INFO_LEN)
		return -EINVAL;
	info_read(frame + AT_ACTOR, &pdu->actor);
	info_read(frame + AT_PARTNER, &pdu->partner);
	return 0;
}

static void info_write(uint8_t *at, uint8_t type, const struct wb_lacp_info *info)
{
	at[0] = type;
	at[1] = TLV_INFO_LEN;
	wb_store16(at + 2, info->system_priority);
	memcpy(at + 4, info->system, sizeof(info->system));
	wb_store16(at + 10, info->key);
	wb_store16(at + 12, info->port_priority);
	wb_store16(at + 14, info->port);
	at[16] = info->state;
}

void wb_lacpdu_build(const struct wb_lacpdu *pdu, const uint8_t source[6], uint8_t *frame)
{
	memset(frame, 0, WB_LACPDU_LEN);
	memcpy(frame, slow_multicast, sizeof(slow_multicast));
	memcpy(frame + 6, source, 6);
	wb_store16(frame + AT_TYPE, SLOW_PROTOCOLS);
	frame[AT_SUBTYPE] = SUBTYPE_LACP;
	frame[AT_VERSION] = VERSION;
	info_write(frame + AT_ACTOR, TLV_ACTOR, &pdu->actor);
	info_write(frame + AT_PARTNER, TLV_PARTNER, &pdu->partner);
	/* CollectorMaxDelay stays 0: what comes in is handed on as it comes. */
	frame[AT_COLLECTOR] = TLV_COLLECTOR;
	frame[AT_COLLECTOR + 1] = TLV_COLLECTOR_LEN;
}

const char *wb_lacp_state_format(uint8_t state, char *out)
{
	static const char *const names[] = {
		"ACTIVE", "SHORT", "AGG", "SYNC", "COLL", "DIST", "DEF", "EXP"};

	out[0] = '\0';
	for (unsigned i = 0; i < 8; i++) {
		if ((state & 1u << i) == 0)
			continue;
		if (out[0] != '\0')
			strlcat(out, ",", WB_LACP_STATE_STRLEN);
		strlcat(out, names[i], WB_LACP_STATE_STRLEN);
	}
	return out;
}
