/* SPDX-License-Identifier: BSD-3-Clause */
/* LACP of a bond whose members hear what strangers send: LACPDUs as they come, or with fields that
 * could be true, among links that come and go and time that passes. */
#include <errno.h>

#include "fuzz.h"
#include "lacp/lacp.h"

#define MEMBERS 4
#define MS	UINT64_C(1000000)
#define STEPS	400

static struct wb_lacp lacp;
static uint64_t now;

/* A frame of the fuzzer's own bytes, cut to any length. */
static void raw(struct fuzz_input *input)
{
	uint8_t bytes[WB_LACPDU_LEN + 2], *frame;
	unsigned length = fuzz_u8(input) % sizeof(bytes);
	struct wb_lacpdu pdu;

	fuzz_take(input, bytes, length);
	frame = fuzz_copy(bytes, length);
	if (wb_lacpdu_parse(frame, length, &pdu) == 0)
		wb_lacp_receive(&lacp, fuzz_u8(input) % MEMBERS, &pdu, now);
	free(frame);
}

/* A partner's words: of a few systems and keys, so that they agree now and then; often it has the
 * right idea of us. What is written must be read back. */
static void likely(struct fuzz_input *input)
{
	unsigned member = fuzz_u8(input) % MEMBERS, kind = fuzz_u8(input);
	struct wb_lacpdu pdu = {.partner = lacp.members[member].actor}, back;
	uint8_t frame[WB_LACPDU_LEN];

	pdu.actor = (struct wb_lacp_info){
		.system_priority = kind & 1,
		.system = {(uint8_t)(kind >> 1 & 3)},
		.key = kind >> 3 & 1,
		.port = (uint16_t)(kind >> 4 & 3),
		.state = fuzz_u8(input),
	};
	if ((kind & 0x80) != 0)
		pdu.partner.state = fuzz_u8(input);
	if ((kind & 0x40) != 0 && fuzz_u8(input) % 4 == 0)
		pdu.partner.key++;
	wb_lacpdu_build(&pdu, pdu.actor.system, frame);
	FUZZ_CHECK(wb_lacpdu_parse(frame, sizeof(frame), &back) == 0);
	FUZZ_CHECK(back.actor.key == pdu.actor.key && back.actor.state == pdu.actor.state &&
		memcmp(back.partner.system, pdu.partner.system, 6) == 0);
	wb_lacp_receive(&lacp, member, &back, now);
}

static void send(uint64_t *sent_at)
{
	struct wb_lacpdu pdu;

	for (unsigned i = 0; i < MEMBERS; i++) {
		if (!wb_lacp_pending(&lacp, i, now, &pdu))
			continue;
		/* No more than three a second. */
		FUZZ_CHECK(lacp.leaving || sent_at[3 * i] == 0 ||
			now - sent_at[3 * i] >= WB_LACP_FAST_PERIODIC);
		memmove(&sent_at[3 * i], &sent_at[3 * i + 1], 2 * sizeof(sent_at[0]));
		sent_at[3 * i + 2] = now;
		wb_lacp_sent(&lacp, i, now);
	}
}

static void check(void)
{
	unsigned carrying = 0;

	for (unsigned i = 0; i < MEMBERS; i++) {
		const struct wb_lacp_member *member = &lacp.members[i];

		if (!wb_lacp_distributing(member))
			continue;
		carrying++;
		FUZZ_CHECK(member->link && wb_lacp_collecting(member));
		FUZZ_CHECK(member->receive == WB_LACP_RX_CURRENT && now < member->current_while);
		FUZZ_CHECK((int)member->aggregator == lacp.active);
		FUZZ_CHECK((member->partner.state & WB_LACP_COLLECTING) != 0);
		FUZZ_CHECK((member->partner.state & WB_LACP_SYNC) != 0);
		FUZZ_CHECK(memcmp(member->partner.system, lacp.config.system, 6) != 0 ||
			member->partner.system_priority != lacp.config.system_priority);
		FUZZ_CHECK(!lacp.leaving);
	}
	FUZZ_CHECK(carrying <= MEMBERS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};
	uint8_t how = fuzz_u8(&input);
	const struct wb_lacp_config config = {.system = {3},
		.system_priority = 1,
		.slow = (how & 1) != 0,
		.select = (enum wb_lacp_select)((how >> 1) % 3),
		.min_links = how >> 4 & 3};
	uint64_t sent_at[3 * MEMBERS] = {0};

	now = 1000 * MS;
	wb_lacp_init(&lacp, &config, MEMBERS);
	for (unsigned step = 0; step < STEPS && input.left > 0; step++) {
		uint8_t op = fuzz_u8(&input);

		switch (op % 5) {
		case 0:
			raw(&input);
			break;
		case 1:
			wb_lacp_link(&lacp, op / 5 % MEMBERS, (op & 0x40) != 0,
				(op & 0x80) != 0 ? 1000 : 100, now);
			break;
		case 2:
			now += (uint64_t)fuzz_u16(&input) * MS;
			break;
		case 3:
			if (op == 253)
				wb_lacp_leave(&lacp, now);
			break;
		default:
			likely(&input);
		}
		FUZZ_CHECK(wb_lacp_run(&lacp, now) > now);
		check();
		send(sent_at);
	}
	return 0;
}
