/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

#define REASON "skipped: "

struct tap_filter {
	FILE *out;
	char line[1024];
	char reason[256];
	size_t len;
};

static struct tap_filter tap_filter;

static void
tap_line(struct tap_filter *tf)
{
	unsigned int number;
	int name = 0;

	if (strncmp(tf->line, REASON, strlen(REASON)) == 0) {
		snprintf(tf->reason, sizeof(tf->reason), "%.*s", (int)sizeof(tf->reason) - 1,
		         tf->line + strlen(REASON));
	} else if (sscanf(tf->line, "not ok %u # SKIP %n", &number, &name) == 1 && name > 0) {
		fprintf(tf->out, "ok %u - %s # SKIP %s\n", number, tf->line + name, tf->reason);
	} else {
		fprintf(tf->out, "%s\n", tf->line);
	}
	fflush(tf->out);
}

static ssize_t
tap_write(void *cookie, const char *buf, size_t size)
{
	struct tap_filter *tf = cookie;

	for (size_t i = 0; i < size; i++) {
		if (buf[i] != '\n' && tf->len < sizeof(tf->line) - 1) {
			tf->line[tf->len++] = buf[i];
			continue;
		}
		tf->line[tf->len] = '\0';
		tf->len = 0;
		tap_line(tf);
		if (buf[i] != '\n')
			tf->line[tf->len++] = buf[i];
	}
	return (ssize_t)size;
}

int
tap_filter_start(void)
{
	FILE *f = fopencookie(&tap_filter, "w", (cookie_io_functions_t){.write = tap_write});

	if (f == NULL)
		return -ENOMEM;
	setvbuf(f, NULL, _IOLBF, BUFSIZ);
	tap_filter.out = stdout;
	stdout = f;
	return 0;
}
