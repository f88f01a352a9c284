/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "vfu_receive.h"

int64_t
vfu_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/** Close what a client sent. */
static void
close_foreign(int fd)
{
	const struct linger none = {.l_onoff = 1, .l_linger = 0};

	/* A socket of another's may be set to wait for its peer. What is no socket refuses. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

void
vfu_message_free(struct vfu_message *msg)
{
	uint32_t i;

	if (msg == NULL)
		return;
	for (i = 0; i < msg->fd_count; i++) {
		if (msg->fds[i] >= 0)
			close_foreign(msg->fds[i]);
	}
	free(msg->body);
	free(msg);
}

/**
 * Keep the descriptors that came with a piece of a message.
 * @return 0; -EPROTO: too many; -EMFILE: this process has no room for them.
 */
static int
rx_take_fds(struct vfu_message *msg, struct msghdr *mh)
{
	bool cut = mh->msg_flags & MSG_CTRUNC, too_many = false;
	struct cmsghdr *cm;

	for (cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
		size_t i, n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(fd), sizeof(fd));
			if (msg->fd_count < VFU_FDS_MAX) {
				msg->fds[msg->fd_count++] = fd;
			} else {
				close_foreign(fd);
				too_many = true;
			}
		}
	}
	if (too_many)
		return -EPROTO;
	return cut ? -EMFILE : 0;
}

/** Receive into @p to what is there. @return bytes; negative errno, -EAGAIN: nothing. */
static ssize_t
rx_receive(struct vfu_receive *rx, void *to, size_t len)
{
	union {
		struct cmsghdr align;
		/* Room for one too many tells that from a process without room. */
		char space[CMSG_SPACE((VFU_FDS_MAX + 1) * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = to, .iov_len = len};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n = recvmsg(rx->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int rc;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return -ECONNRESET;
	if (rx->deadline_ms == 0)
		rx->deadline_ms = vfu_now_ms() + rx->wait_ms;
	rc = rx_take_fds(rx->msg, &mh);
	return rc < 0 ? rc : n;
}

/** The header is complete: check it and make room for the body. */
static int
rx_check_header(struct vfu_message *msg)
{
	const struct vfu_header *h = &msg->header;
	uint32_t type = h->flags & VFU_FLAG_TYPE;

	if (h->size < sizeof(*h) || h->size > VFU_MESSAGE_MAX ||
	    (type != VFU_FLAG_COMMAND && type != VFU_FLAG_REPLY))
		return -EPROTO;
	msg->size = h->size - (uint32_t)sizeof(*h);
	if (msg->size == 0)
		return 0;
	msg->body = malloc(msg->size);
	return msg->body != NULL ? 0 : -ENOMEM;
}

int
vfu_receive(struct vfu_receive *rx, struct vfu_message **out)
{
	ssize_t n;
	int rc;

	if (rx->msg == NULL) {
		rx->msg = calloc(1, sizeof(*rx->msg));
		if (rx->msg == NULL)
			return -ENOMEM;
		rx->header_have = 0;
		rx->body_have = 0;
	}
	while (rx->header_have < sizeof(rx->msg->header)) {
		n = rx_receive(rx, (char *)&rx->msg->header + rx->header_have,
		               sizeof(rx->msg->header) - rx->header_have);
		if (n < 0)
			return (int)n;
		rx->header_have += (size_t)n;
		if (rx->header_have < sizeof(rx->msg->header))
			continue;
		rc = rx_check_header(rx->msg);
		if (rc < 0)
			return rc;
	}
	while (rx->body_have < rx->msg->size) {
		n = rx_receive(rx, rx->msg->body + rx->body_have, rx->msg->size - rx->body_have);
		if (n < 0)
			return (int)n;
		rx->body_have += (size_t)n;
	}
	*out = rx->msg;
	rx->msg = NULL;
	rx->deadline_ms = 0;
	return 0;
}
