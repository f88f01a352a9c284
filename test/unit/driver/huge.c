/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "huge.h"

long
huge_pages_free(void)
{
	char line[128];
	long n = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "HugePages_Free: %ld", &n) == 1)
			break;
	fclose(f);
	return n;
}

bool
huge_find_mount(char *folder)
{
	FILE *f = fopen("/proc/mounts", "r");
	char line[512], type[32];
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, "%*s %255s %31s", folder, type) == 2 &&
		        strcmp(type, "hugetlbfs") == 0;
	if (f != NULL)
		fclose(f);
	return found;
}

static void
unlink_all(const char *folder, const char *prefix, const char *rest)
{
	char pattern[512];
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s/%s%s", folder, prefix, rest);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (i = 0; i < found.gl_pathc; i++)
		(void)remove(found.gl_pathv[i]);
	globfree(&found);
}

void
huge_sweep(const char *pages, const char *run, const char *prefix)
{
	unlink_all(pages, prefix, "map_*");
	unlink_all(run, prefix, "/*");
	unlink_all(run, prefix, "");
}
