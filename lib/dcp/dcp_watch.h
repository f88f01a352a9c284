/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_WATCH_H
#define DCP_WATCH_H

/**
 * @file
 * How the leader of a port sleeps that has sources with a file descriptor: until one of them is
 * readable, somebody calls, or time is over. A call is not lost when it comes before the sleep, so
 * that the protocol of struct dcp_bed holds as it does with a futex.
 */

#include <stdbool.h>
#include <stdint.h>

struct dcp_watch {
	bool open;
	int set;  /* an epoll */
	int bell; /* an eventfd, which is in the set */
};

/** @return 0 or a negative errno, with @p w closed. */
int dcp_watch_open(struct dcp_watch *w);

/** Nobody sleeps. A closed one is allowed. */
void dcp_watch_close(struct dcp_watch *w);

/** Watch a descriptor, also for one who sleeps now. @return 0 or a negative errno. */
int dcp_watch_add(struct dcp_watch *w, int fd);
void dcp_watch_del(struct dcp_watch *w, int fd);

/** Sleep until @p deadline_ns of the monotonic clock (UINT64_MAX: no limit), or less. */
void dcp_watch_sleep(struct dcp_watch *w, uint64_t deadline_ns);

/** End the sleep, or the next one. */
void dcp_watch_call(struct dcp_watch *w);

#endif /* DCP_WATCH_H */
