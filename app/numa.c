/* SPDX-License-Identifier: BSD-3-Clause */
#include "numa.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

int numa_of_cpu(const char *sys, unsigned cpu)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	int node = -1;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/devices/system/cpu/cpu%u", sys, cpu);
	directory = opendir(path);
	if (directory == NULL)
		return -1;
	while ((entry = readdir(directory)) != NULL)
		if (sscanf(entry->d_name, "node%d", &node) == 1)
			break;
	closedir(directory);
	return node;
}

int numa_of_pci(const char *sys, const char *address)
{
	char path[PATH_MAX];
	int node;
	FILE *file;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/numa_node", sys, address);
	file = fopen(path, "r");
	if (file == NULL)
		return -1;
	if (fscanf(file, "%d", &node) != 1 || node < 0)
		node = -1;
	fclose(file);
	return node;
}
