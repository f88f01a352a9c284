/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * What runs in the helper processes. They are made by fork(), perhaps from a process with threads:
 * system calls only, no memory of the heap, no locks.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vfu_event.h"
#include "vfu_foreign.h"
#include "vfu_helper.h"
#include "vfu_helper_wire.h"

#define FOREIGN_MAX 253 /* descriptors that the kernel lets one message have: SCM_MAX_FD */

int
helper_send(int control, const void *head, size_t head_len, const void *data, size_t data_len,
            int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} rights = {0};
	struct iovec iov[2] = {{(void *)(uintptr_t)head, head_len},
	                       {(void *)(uintptr_t)data, data_len}};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2};

	if (fd >= 0) {
		mh.msg_control = rights.space;
		mh.msg_controllen = sizeof(rights.space);
		rights.head.cmsg_level = SOL_SOCKET;
		rights.head.cmsg_type = SCM_RIGHTS;
		rights.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&rights.head), &fd, sizeof(fd));
	}
	return sendmsg(control, &mh, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

ssize_t
helper_take(int control, void *head, size_t head_len, void *data, size_t data_len, int *fd,
            int flags)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} rights;
	struct iovec iov[2] = {{head, head_len}, {data, data_len}};
	struct msghdr mh = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = rights.space,
		.msg_controllen = sizeof(rights.space),
	};
	const struct cmsghdr *cm;
	ssize_t n;

	*fd = -1;
	do {
		n = recvmsg(control, &mh, flags | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	cm = CMSG_FIRSTHDR(&mh);
	if (cm != NULL && cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(cm), sizeof(*fd));
	else if (mh.msg_flags & MSG_CTRUNC)
		return -EMFILE;
	return n;
}

/** What a helper has of its client. */
struct held {
	int fd[HELPER_HELD_MAX];
	unsigned int count;
	int conn; /* one of fd[]; -1 */
};

static void
helper_hold(struct held *held, int fd, bool connection)
{
	if (fd < 0)
		return;
	if (held->count == HELPER_HELD_MAX) {
		close(fd); /* the server does not do that */
		return;
	}
	held->fd[held->count++] = fd;
	if (connection)
		held->conn = fd;
}

/** Take the descriptors off a message. @return how many; -EMFILE: there were more. */
static int
foreign_collect(struct msghdr *mh, int fds[FOREIGN_MAX])
{
	struct cmsghdr *cm;
	size_t n = 0, len;

	for (cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		len = cm->cmsg_len - CMSG_LEN(0);
		memcpy(&fds[n], CMSG_DATA(cm), len); /* the kernel has at most FOREIGN_MAX */
		n += len / sizeof(int);
	}
	return n == 0 && mh->msg_flags & MSG_CTRUNC ? -EMFILE : (int)n;
}

/**
 * Receive from the client and answer the server. The answer goes before anything is closed: that
 * may be the end of this process.
 */
static void
helper_receive(const struct held *held, int control, const struct helper_ask *ask)
{
	static char data[VFU_HELPER_DATA_MAX];
	static union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FOREIGN_MAX * sizeof(int))];
	} rights;
	struct iovec iov = {data, ask->len < sizeof(data) ? ask->len : sizeof(data)};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = rights.space,
		.msg_controllen = sizeof(rights.space),
	};
	struct helper_answer answer = {.seq = ask->seq};
	int fds[FOREIGN_MAX], count = 0, i;
	ssize_t n = recvmsg(held->conn, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	bool good;

	answer.result = n > 0 ? (int32_t)n : n == 0 ? -ECONNRESET : -errno;
	if (n > 0)
		count = foreign_collect(&mh, fds);
	if (count < 0)
		answer.result = count;
	answer.fd_count = count > 0 ? (uint32_t)count : 0;
	good = count == 1 && vfu_foreign_check(fds[0]) == 0;
	helper_send(control, &answer, sizeof(answer), data, n > 0 ? (size_t)n : 0,
	            good ? fds[0] : -1);
	for (i = 0; i < count; i++)
		vfu_foreign_close(fds[i]);
}

static void
helper_drop(struct held *held, int control, const struct helper_ask *ask)
{
	struct helper_answer answer = {.seq = ask->seq};

	while (held->count > 0)
		close(held->fd[--held->count]);
	held->conn = -1;
	helper_send(control, &answer, sizeof(answer), NULL, 0, -1);
}

static _Noreturn void
helper_run(int control)
{
	struct helper_answer hello = {.result = vfu_event_restart()};
	struct held held = {.conn = -1};
	struct helper_ask ask;
	int fd;

	helper_send(control, &hello, sizeof(hello), NULL, 0, -1);
	if (hello.result < 0)
		_exit(1);
	while (helper_take(control, &ask, sizeof(ask), NULL, 0, &fd, 0) == sizeof(ask)) {
		switch ((enum helper_op)ask.op) {
		case HELPER_HOLD:
		case HELPER_CONNECT:
			helper_hold(&held, fd, ask.op == HELPER_CONNECT);
			break;
		case HELPER_RECEIVE:
			helper_receive(&held, control, &ask);
			break;
		case HELPER_DROP:
			helper_drop(&held, control, &ask);
			break;
		}
	}
	_exit(0);
}

/** Keep nothing of the process that this one was made from but @p control. @return its number. */
static int
source_forget(int control)
{
	enum {
		CONTROL = 3 /* behind the standard ones, whose numbers no other file shall get */
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC),
	    high = fcntl(control, F_DUPFD, CONTROL + 1);
	int i;

	if (null < 0)
		null = memfd_create("null", MFD_CLOEXEC); /* no /dev */
	if (null < 0 || high < 0)
		_exit(1);
	for (i = 0; i < CONTROL; i++)
		dup2(null, i); /* or who reads the server's output waits for a helper */
	dup2(high, CONTROL);
	close_range(CONTROL + 1, ~0u, 0);
	return CONTROL;
}

void
helper_source_run(int control)
{
	const struct helper_answer none = {.result = -EAGAIN};
	char byte;
	int fd;

	prctl(PR_SET_NAME, "vfu-helper");
	signal(SIGCHLD, SIG_IGN); /* nobody waits for a helper that ends */
	signal(SIGBUS, SIG_DFL);
	if (chdir("/") < 0)
		_exit(1);
	control = source_forget(control);
	while (helper_take(control, &byte, sizeof(byte), NULL, 0, &fd, 0) == sizeof(byte)) {
		pid_t pid = fd >= 0 ? fork() : -1;

		if (pid == 0) {
			close(control);
			helper_run(fd);
		}
		if (pid < 0 && fd >= 0)
			helper_send(fd, &none, sizeof(none), NULL, 0, -1);
		if (fd >= 0)
			close(fd);
	}
	_exit(0);
}
