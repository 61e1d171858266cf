/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * NUMA nodes as the kernel tells them in sysfs. Needs no EAL; any thread.
 */
#ifndef WB_APP_NUMA_H
#define WB_APP_NUMA_H

/** The node of a CPU; -1: not known. @param sys "/sys", but for tests. */
int numa_of_cpu(const char *sys, unsigned cpu);

/** The node of a PCI device, "0000:01:00.0"; -1: not known. */
int numa_of_pci(const char *sys, const char *address);

#endif
