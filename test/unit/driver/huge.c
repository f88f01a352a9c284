/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "huge.h"

/* A number that the kernel gives; 0: it does not. */
static long
meminfo(const char *format)
{
	char line[128];
	long n = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, format, &n) == 1)
			break;
	fclose(f);
	return n;
}

long
huge_pages_free(void)
{
	return meminfo("HugePages_Free: %ld");
}

/* Whether pages of a hugetlbfs are those that huge_pages_free() counts. */
static bool
has_default_pages(const char *folder)
{
	struct statfs st;

	return statfs(folder, &st) == 0 && st.f_bsize == meminfo("Hugepagesize: %ld kB") * 1024;
}

const char *
huge_find_mount(char *folder)
{
	FILE *f = fopen("/proc/mounts", "r");
	const char *why = "no hugetlbfs is mounted";
	char line[512], type[32];

	while (f != NULL && why != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%*s %255s %31s", folder, type) != 2 ||
		    strcmp(type, "hugetlbfs") != 0 || !has_default_pages(folder))
			continue;
		why = access(folder, R_OK | W_OK | X_OK) == 0
		              ? NULL
		              : "this user may not make files in a hugetlbfs";
	}
	if (f != NULL)
		fclose(f);
	return why;
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
