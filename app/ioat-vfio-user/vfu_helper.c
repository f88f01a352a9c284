/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * The server's side of the helper processes. Helpers that are done with one client wait in a pool
 * for the next one. Of one that has not said that it is done nobody knows whether it is slow or
 * lost; it is asked again whenever a helper is wanted.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfu_helper.h"
#include "vfu_helper_wire.h"
#include "vfu_receive.h"

#define START_MS 2000 /* for a new helper to say that it is there */

struct vfu_helper {
	struct vfu_helper *next; /* in the pool */
	const void *owner;
	int control;
	uint32_t seq; /* of the last request that is answered */
	bool lost;    /* in the pool, and has not answered */
};

static struct {
	pthread_mutex_t lock;
	int source; /* to the process that makes helpers; 0: there is none yet */
	struct vfu_helper *pool;
} helpers = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the process that makes them ---- */

/** Make it; locked. */
static int
source_start(void)
{
	int pair[2], rc;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		helper_source_run(pair[1]);
	rc = pid < 0 ? -errno : 0;
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return rc;
	}
	helpers.source = pair[0];
	return 0;
}

int
vfu_helper_start(void)
{
	int rc = 0;

	pthread_mutex_lock(&helpers.lock);
	if (helpers.source == 0)
		rc = source_start();
	pthread_mutex_unlock(&helpers.lock);
	return rc;
}

/** Have it make a helper that listens to @p fd; locked. */
static int
source_ask(int fd)
{
	int rc = helpers.source == 0 ? -EPIPE : helper_send(helpers.source, "", 1, NULL, 0, fd);

	if (rc != -EPIPE && rc != -ECONNRESET)
		return rc;
	/* It was killed. The new one forgets what this process has by now. */
	if (helpers.source != 0)
		close(helpers.source);
	helpers.source = 0;
	rc = source_start();
	return rc < 0 ? rc : helper_send(helpers.source, "", 1, NULL, 0, fd);
}

/* ---- one of them ---- */

/**
 * Wait for the answer to the last request, and throw late ones away.
 * @param stop_fd -1: none
 * @return 0; -ETIMEDOUT; -ECANCELED; what helper_take() returns.
 */
static int
helper_await(struct vfu_helper *helper, struct helper_answer *answer, void *data, size_t len,
             int *fd, int64_t wait_ms, int stop_fd)
{
	struct pollfd fds[2] = {{.fd = helper->control, .events = POLLIN},
	                        {.fd = stop_fd, .events = POLLIN}};
	int64_t deadline = vfu_now_ms() + wait_ms, left;
	ssize_t n;

	for (;;) {
		left = deadline - vfu_now_ms();
		if (poll(fds, 2, left > 0 ? (int)left : 0) == 0)
			return -ETIMEDOUT;
		if (fds[0].revents == 0) {
			if (fds[1].revents != 0)
				return -ECANCELED;
			continue;
		}
		n = helper_take(helper->control, answer, sizeof(*answer), data, len, fd,
		                MSG_DONTWAIT);
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		if (n >= (ssize_t)sizeof(*answer) && answer->seq == helper->seq)
			return 0;
		if (n >= 0 && *fd >= 0)
			close(*fd); /* was checked */
	}
}

static int
helper_ask(struct vfu_helper *helper, enum helper_op op, size_t len, int fd)
{
	struct helper_ask ask = {.op = op, .len = (uint32_t)len};

	if (op == HELPER_RECEIVE || op == HELPER_DROP)
		helper->seq++;
	ask.seq = helper->seq;
	return helper_send(helper->control, &ask, sizeof(ask), NULL, 0, fd);
}

static void
helper_free(struct vfu_helper *helper)
{
	close(helper->control); /* it ends, now or later */
	free(helper);
}

/** Make a helper; locked. */
static int
helper_make(struct vfu_helper **out)
{
	struct vfu_helper *helper = calloc(1, sizeof(*helper));
	struct helper_answer hello;
	int pair[2], fd, rc;

	if (helper == NULL)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		rc = -errno;
		free(helper);
		return rc;
	}
	helper->control = pair[0];
	rc = source_ask(pair[1]);
	close(pair[1]);
	if (rc == 0)
		rc = helper_await(helper, &hello, NULL, 0, &fd, START_MS, -1);
	if (rc == 0)
		rc = hello.result;
	if (rc < 0) {
		helper_free(helper);
		return rc;
	}
	*out = helper;
	return 0;
}

/** See whether a helper of the pool is back, or still there. @return as helper_await(). */
static int
pool_ask(struct vfu_helper *helper)
{
	struct pollfd idle = {.fd = helper->control};
	struct helper_answer answer;
	int fd;

	if (helper->lost)
		return helper_await(helper, &answer, NULL, 0, &fd, 0, -1);
	return poll(&idle, 1, 0) == 1 ? -EPIPE : 0;
}

/** See which of the lost ones are back, and forget those that have ended; locked. */
static void
pool_look(void)
{
	struct vfu_helper **at = &helpers.pool, *helper;
	int rc;

	while ((helper = *at) != NULL) {
		rc = pool_ask(helper);
		if (rc < 0 && rc != -ETIMEDOUT) {
			*at = helper->next;
			helper_free(helper);
			continue;
		}
		helper->lost = rc < 0;
		at = &helper->next;
	}
}

int
vfu_helper_open(struct vfu_helper **out, const void *owner)
{
	struct vfu_helper **at, **free_one = NULL;
	unsigned int lost = 0;
	int rc = 0;

	pthread_mutex_lock(&helpers.lock);
	pool_look();
	for (at = &helpers.pool; *at != NULL; at = &(*at)->next) {
		lost += (*at)->lost && (*at)->owner == owner;
		if (!(*at)->lost)
			free_one = at;
	}
	if (lost >= VFU_HELPERS_LOST_MAX) {
		rc = -EBUSY;
	} else if (free_one != NULL) {
		*out = *free_one;
		*free_one = (*out)->next;
	} else {
		rc = helper_make(out);
	}
	pthread_mutex_unlock(&helpers.lock);
	if (rc == 0)
		(*out)->owner = owner;
	return rc;
}

int
vfu_helper_hold(struct vfu_helper *helper, int fd)
{
	return helper_ask(helper, HELPER_HOLD, 0, fd);
}

int
vfu_helper_connect(struct vfu_helper *helper, int fd)
{
	return helper_ask(helper, HELPER_CONNECT, 0, fd);
}

ssize_t
vfu_helper_receive(struct vfu_helper *helper, void *buf, size_t len,
                   struct vfu_helper_received *with, int64_t wait_ms, int stop_fd)
{
	struct helper_answer answer;
	int rc = helper_ask(helper, HELPER_RECEIVE, len, -1);

	*with = (struct vfu_helper_received){.fd = -1};
	if (rc == 0)
		rc = helper_await(helper, &answer, buf, len, &with->fd, wait_ms, stop_fd);
	if (rc == -ECANCELED || rc == -EMFILE)
		return rc;
	if (rc < 0)
		return -EIO;
	with->fd_count = answer.fd_count;
	return answer.result;
}

void
vfu_helper_close(struct vfu_helper *helper, int64_t wait_ms)
{
	struct helper_answer answer;
	int fd, rc;

	if (helper == NULL)
		return;
	rc = helper_ask(helper, HELPER_DROP, 0, -1);
	if (rc == 0)
		rc = helper_await(helper, &answer, NULL, 0, &fd, wait_ms, -1);
	if (rc < 0 && rc != -ETIMEDOUT) {
		helper_free(helper);
		return;
	}
	pthread_mutex_lock(&helpers.lock);
	helper->lost = rc < 0;
	helper->next = helpers.pool;
	helpers.pool = helper;
	pthread_mutex_unlock(&helpers.lock);
}
