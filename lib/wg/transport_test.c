/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wg/transport.h"

static void types_need_their_exact_length(void **state)
{
	static const struct {
		uint8_t type;
		uint32_t length;
	} exact[] = {{1, 148}, {2, 92}, {3, 64}};
	uint8_t message[2000] = {0};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		message[0] = exact[i].type;
		for (uint32_t length = 0; length < 300; length++)
			assert_int_equal(wb_message_type(message, length),
				length == exact[i].length ? exact[i].type : WB_MSG_INVALID);
	}
	message[0] = 4;
	for (uint32_t length = 0; length < 300; length++)
		assert_int_equal(wb_message_type(message, length),
			length >= 32 ? WB_MSG_TRANSPORT : WB_MSG_INVALID);
}

static void reserved_bytes_are_zero(void **state)
{
	uint8_t message[148] = {1};

	(void)state;
	for (unsigned i = 1; i < 4; i++) {
		message[i] = 1;
		assert_int_equal(wb_message_type(message, sizeof(message)), WB_MSG_INVALID);
		message[i] = 0;
	}
	assert_int_equal(wb_message_type(message, sizeof(message)), WB_MSG_INITIATION);
	message[0] = 0;
	assert_int_equal(wb_message_type(message, sizeof(message)), WB_MSG_INVALID);
	message[0] = 5;
	assert_int_equal(wb_message_type(message, sizeof(message)), WB_MSG_INVALID);
}

static void padding_stops_at_the_mtu(void **state)
{
	(void)state;
	assert_int_equal(wb_transport_padded(0, 1420), 0);
	assert_int_equal(wb_transport_padded(1, 1420), 16);
	assert_int_equal(wb_transport_padded(16, 1420), 16);
	assert_int_equal(wb_transport_padded(17, 1420), 32);
	assert_int_equal(wb_transport_padded(1408, 1420), 1408);
	assert_int_equal(wb_transport_padded(1409, 1420), 1420);
	assert_int_equal(wb_transport_padded(1420, 1420), 1420);
	assert_int_equal(wb_transport_padded(1421, 1420), 1436);
	assert_int_equal(wb_transport_padded(2840, 1420), 2840);
	assert_int_equal(wb_transport_padded(5, 0), 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_need_their_exact_length),
		cmocka_unit_test(reserved_bytes_are_zero),
		cmocka_unit_test(padding_stops_at_the_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
