/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "port/device.h"
#include "port/lacp.h"

static void kinds(void **state)
{
	struct wb_device device;

	(void)state;
	assert_int_equal(wb_device_parse("0000:01:00.1", &device, NULL), 0);
	assert_int_equal(device.kind, WB_DEVICE_PCI);
	assert_string_equal(device.name, "0000:01:00.1");
	assert_int_equal(wb_device_parse("01:00.1", &device, NULL), 0);
	assert_string_equal(device.name, "0000:01:00.1");
	assert_int_equal(wb_device_parse("net_memif0,role=server,id=3", &device, NULL), 0);
	assert_int_equal(device.kind, WB_DEVICE_VDEV);
	assert_string_equal(device.name, "net_memif0");
	assert_string_equal(device.args, "role=server,id=3");
	assert_int_equal(wb_device_parse("net_null0", &device, NULL), 0);
	assert_string_equal(device.args, "");
	assert_int_equal(wb_device_parse("kernel:eno1", &device, NULL), 0);
	assert_int_equal(device.kind, WB_DEVICE_KERNEL);
	assert_string_equal(device.ifname, "eno1");
}

static void refusals(void **state)
{
	static const char *const texts[] = {"", "eno1", "kernel:", "kernel:averyverylongname",
		"kernel:a/b", "kernel:a b", "kernel:a,b", "0000:01:00", "pci:1"};
	struct wb_device device;
	struct wb_err err;

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(wb_device_parse(texts[i], &device, &err), -EINVAL);
		assert_non_null(strstr(err.text, "expected"));
	}
}

static void lacp_letters(void **state)
{
	char out[WB_LACP_STATE_STRLEN];

	(void)state;
	assert_string_equal(wb_lacp_state_format(0x3d, out), "ACTIVE,AGG,SYNC,COLL,DIST");
	assert_string_equal(
		wb_lacp_state_format(0xff, out), "ACTIVE,SHORT,AGG,SYNC,COLL,DIST,DEF,EXP");
	assert_string_equal(wb_lacp_state_format(0, out), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(refusals),
		cmocka_unit_test(lacp_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
