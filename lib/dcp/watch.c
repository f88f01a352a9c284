/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dcp_os.h"
#include "dcp_watch.h"

#define NS_PER_S 1000000000u

int
dcp_watch_open(struct dcp_watch *w)
{
	int rc;

	w->set = epoll_create1(EPOLL_CLOEXEC);
	if (w->set < 0)
		return -errno;
	w->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->bell < 0) {
		rc = -errno;
		close(w->set);
		return rc;
	}
	w->open = true;
	rc = dcp_watch_add(w, w->bell);
	if (rc != 0)
		dcp_watch_close(w);
	return rc;
}

void
dcp_watch_close(struct dcp_watch *w)
{
	if (!w->open)
		return;
	close(w->bell);
	close(w->set);
	w->open = false;
}

int
dcp_watch_add(struct dcp_watch *w, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(w->set, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void
dcp_watch_del(struct dcp_watch *w, int fd)
{
	epoll_ctl(w->set, EPOLL_CTL_DEL, fd, NULL);
}

void
dcp_watch_sleep(struct dcp_watch *w, uint64_t deadline_ns)
{
	struct epoll_event event;
	struct timespec left;
	uint64_t now, calls;

	if (deadline_ns != UINT64_MAX) {
		now = dcp_os_now_ns();
		if (now >= deadline_ns)
			return;
		left.tv_sec = (time_t)((deadline_ns - now) / NS_PER_S);
		left.tv_nsec = (long)((deadline_ns - now) % NS_PER_S);
	}
	/* One event is enough: whoever wakes looks at all sources. */
	if (epoll_pwait2(w->set, &event, 1, deadline_ns == UINT64_MAX ? NULL : &left, NULL) == 1 &&
	    event.data.fd == w->bell)
		(void)!read(w->bell, &calls, sizeof(calls));
}

void
dcp_watch_call(struct dcp_watch *w)
{
	const uint64_t one = 1;

	/* It fails only when 2^64 - 2 calls wait, which wake as well as one more. */
	(void)!write(w->bell, &one, sizeof(one));
}
