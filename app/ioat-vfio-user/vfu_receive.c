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

void
vfu_message_free(struct vfu_message *msg)
{
	uint32_t i;

	if (msg == NULL)
		return;
	for (i = 0; i < msg->fd_count; i++) {
		if (msg->fds[i] >= 0)
			close(msg->fds[i]);
	}
	free(msg->body);
	free(msg);
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

/** Where in a message its next bytes go, and how many of them. */
static size_t
rx_next(struct vfu_receive *rx, void **to)
{
	if (rx->header_have < sizeof(rx->msg->header)) {
		*to = (char *)&rx->msg->header + rx->header_have;
		return sizeof(rx->msg->header) - rx->header_have;
	}
	*to = rx->msg->body != NULL ? rx->msg->body + rx->body_have : NULL;
	return rx->msg->size - rx->body_have;
}

/**
 * How many of @p n bytes that wait in the socket belong to the message: from those seen so far its
 * header may be known.
 */
static size_t
rx_span(const struct vfu_receive *rx, const char *bytes, size_t n)
{
	struct vfu_header header = rx->msg->header;
	size_t missing = sizeof(header) - rx->header_have;

	if (n < missing)
		return n;
	memcpy((char *)&header + rx->header_have, bytes, missing);
	if (header.size < sizeof(header) || n - missing < header.size - sizeof(header))
		return n; /* no message; or all of it */
	return missing + (header.size - sizeof(header));
}

/** Add received bytes to the message. @return 0; -EPROTO: it is none; -ENOMEM. */
static int
rx_add(struct vfu_receive *rx, const char *bytes, size_t n)
{
	while (n > 0) {
		void *to;
		size_t len = rx_next(rx, &to);
		int rc;

		if (len == 0)
			return -EPROTO; /* rx_span() was told a header that is none */
		len = len < n ? len : n;
		memcpy(to, bytes, len);
		bytes += len;
		n -= len;
		if (rx->header_have == sizeof(rx->msg->header)) {
			rx->body_have += len;
			continue;
		}
		rx->header_have += len;
		if (rx->header_have < sizeof(rx->msg->header))
			continue;
		rc = rx_check_header(rx->msg);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/**
 * Look at what waits in the socket.
 * @return bytes; negative errno, -EAGAIN: nothing; in @p foreign whether descriptors are with them.
 */
static ssize_t
rx_look(const struct vfu_receive *rx, void *to, size_t len, bool *foreign)
{
	struct iovec iov = {.iov_base = to, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(rx->fd, &mh, MSG_DONTWAIT | MSG_PEEK);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	*foreign = mh.msg_flags & MSG_CTRUNC;
	return n > 0 ? n : -ECONNRESET;
}

/** Receive bytes with descriptors. @return bytes; negative errno. */
static ssize_t
rx_receive_foreign(struct vfu_receive *rx, void *to, size_t len)
{
	struct vfu_helper_received with;
	ssize_t n = vfu_helper_receive(rx->helper, to, len, &with, rx->wait_ms, rx->stop_fd);

	if (n < 0)
		return n;
	if (with.fd_count + rx->msg->fd_count > VFU_FDS_MAX) {
		if (with.fd >= 0)
			close(with.fd);
		return -EPROTO;
	}
	if (with.fd_count != 0)
		rx->msg->fds[rx->msg->fd_count++] = with.fd;
	return n;
}

/**
 * Receive a piece of the message. What was looked at and has no descriptors is received by the
 * server: two system calls for a message, as receiving header and body would be.
 * @return 0; negative errno.
 */
static int
rx_piece(struct vfu_receive *rx)
{
	char small[VFU_HELPER_DATA_MAX];
	bool in_place = false, foreign = false;
	void *to = small;
	size_t len = sizeof(small);
	ssize_t n;

	if (rx->header_have == sizeof(rx->msg->header)) {
		len = rx_next(rx, &to);
		in_place = true;
	}
	n = rx_look(rx, to, len, &foreign);
	if (n < 0)
		return (int)n;
	if (rx->deadline_ms == 0)
		rx->deadline_ms = vfu_now_ms() + rx->wait_ms;
	len = in_place ? (size_t)n : rx_span(rx, small, (size_t)n);
	if (foreign) {
		n = rx_receive_foreign(rx, to, len < sizeof(small) ? len : sizeof(small));
	} else {
		n = recv(rx->fd, to, len, MSG_DONTWAIT);
		if (n < 0)
			n = errno == EINTR ? -EAGAIN : -errno;
	}
	if (n < 0)
		return (int)n;
	if (!in_place)
		return rx_add(rx, small, (size_t)n);
	rx->body_have += (size_t)n;
	return 0;
}

int
vfu_receive(struct vfu_receive *rx, struct vfu_message **out)
{
	int rc;

	if (rx->msg == NULL) {
		rx->msg = calloc(1, sizeof(*rx->msg));
		if (rx->msg == NULL)
			return -ENOMEM;
		rx->header_have = 0;
		rx->body_have = 0;
	}
	while (rx->header_have < sizeof(rx->msg->header) || rx->body_have < rx->msg->size) {
		rc = rx_piece(rx);
		if (rc < 0)
			return rc;
	}
	*out = rx->msg;
	rx->msg = NULL;
	rx->deadline_ms = 0;
	return 0;
}
