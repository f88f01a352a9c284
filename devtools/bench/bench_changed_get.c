/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Preloaded into a program that measures the completion port: a dcp_get() that executes more, and
 * whose return value is EMPTY when the port's own finds nothing. Tests check that it is noticed.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

#include "dcp.h"

#define MORE 100 /* instructions, at least */

typedef int (*get_call)(struct dcp_worker *, struct dcp_cpl *, uint16_t, uint64_t);

__attribute__((visibility("default"))) int
dcp_get(struct dcp_worker *w, struct dcp_cpl *out, uint16_t n, uint64_t timeout_ns)
{
	static get_call get;
	unsigned int i;
	int rc;

	if (get == NULL)
		*(void **)&get = dlsym(RTLD_NEXT, "dcp_get");
	if (get == NULL)
		return -ENOSYS;
	for (i = 0; i < MORE; i++)
		__asm__ volatile("");
	rc = get(w, out, n, timeout_ns);
	return rc == -EAGAIN ? EMPTY : rc;
}
