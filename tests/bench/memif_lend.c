/* SPDX-License-Identifier: BSD-3-Clause */
/* Loaded in front of DPDK's libraries. For zero copy net_memif lends its peer the memory of packets
 * by EAL's own descriptor, and closes that as soon as it is connected: the next port, or the same
 * one when it connects again, lends something else. It gets a duplicate to close. */
#include <dlfcn.h>
#include <unistd.h>

#include <rte_memory.h>

int rte_memseg_get_fd(const struct rte_memseg *segment)
{
	static int (*get)(const struct rte_memseg *);
	int fd;

	if (get == NULL)
		get = (int (*)(const struct rte_memseg *))dlsym(RTLD_NEXT, "rte_memseg_get_fd");
	fd = get(segment);
	return fd < 0 ? fd : dup(fd);
}
