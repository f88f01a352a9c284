/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "vfu_proto.h"

/** A message that is being received: it may come in pieces, to one reader after the other. */
struct rx {
	struct vfu_message *msg;
	size_t header_have;
	size_t body_have;
};

struct vfu_conn {
	int fd;
	int stop_fd;
	_Atomic uint32_t data_max;
	atomic_bool dead;

	pthread_mutex_t tx_lock; /* one message at a time goes out */

	pthread_mutex_t lock; /* all below */
	pthread_cond_t changed;
	bool reading; /* a thread is in conn_read(), the only one to touch rx */
	int error;    /* the end of the stream: why; never 0 again */
	struct rx rx;
	struct vfu_message *queue[VFU_QUEUE]; /* commands, oldest first */
	unsigned int queued;
	bool asking; /* a request is out, its reply has ask_id */
	uint16_t ask_id;
	struct vfu_message *answer;

	pthread_mutex_t ask_lock; /* one request at a time */
};

static int64_t
now_ms(void)
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

int
vfu_conn_open(struct vfu_conn **out, int fd, int stop_fd)
{
	struct vfu_conn *conn = calloc(1, sizeof(*conn));
	pthread_condattr_t attr;

	if (conn == NULL) {
		close(fd);
		return -ENOMEM;
	}
	conn->fd = fd;
	conn->stop_fd = stop_fd;
	conn->data_max = VFU_DATA_MAX;
	pthread_mutex_init(&conn->tx_lock, NULL);
	pthread_mutex_init(&conn->lock, NULL);
	pthread_mutex_init(&conn->ask_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&conn->changed, &attr);
	pthread_condattr_destroy(&attr);
	*out = conn;
	return 0;
}

void
vfu_conn_close(struct vfu_conn *conn)
{
	unsigned int i;

	if (conn == NULL)
		return;
	for (i = 0; i < conn->queued; i++)
		vfu_message_free(conn->queue[i]);
	vfu_message_free(conn->rx.msg);
	vfu_message_free(conn->answer);
	close(conn->fd);
	pthread_cond_destroy(&conn->changed);
	pthread_mutex_destroy(&conn->ask_lock);
	pthread_mutex_destroy(&conn->lock);
	pthread_mutex_destroy(&conn->tx_lock);
	free(conn);
}

void
vfu_conn_kill(struct vfu_conn *conn)
{
	atomic_store(&conn->dead, true);
	shutdown(conn->fd, SHUT_RDWR); /* wakes whoever polls */
}

void
vfu_conn_set_data_max(struct vfu_conn *conn, uint32_t bytes)
{
	atomic_store(&conn->data_max, bytes < VFU_DATA_MAX ? bytes : VFU_DATA_MAX);
}

/** Wait until the socket is ready. @return 0; -ETIMEDOUT; -ECANCELED. @p wait_ms < 0: no end. */
static int
conn_wait(struct vfu_conn *conn, short events, int64_t wait_ms)
{
	struct pollfd fds[2] = {
		{.fd = conn->fd, .events = events},
		{.fd = conn->stop_fd, .events = POLLIN},
	};
	int64_t deadline = now_ms() + wait_ms;
	int64_t left = wait_ms;
	int rc;

	for (;;) {
		rc = poll(fds, 2, left < 0 ? -1 : (int)left);
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (atomic_load(&conn->dead))
			return -ECONNRESET;
		if (rc > 0)
			return fds[1].revents != 0 ? -ECANCELED : 0;
		if (wait_ms < 0)
			continue;
		left = deadline - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
	}
}

/** Keep the descriptors that came with a piece of a message. @return 0; -EPROTO: too many. */
static int
rx_take_fds(struct vfu_message *msg, struct msghdr *mh)
{
	bool too_many = mh->msg_flags & MSG_CTRUNC;
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
				close(fd);
				too_many = true;
			}
		}
	}
	return too_many ? -EPROTO : 0;
}

/** Receive into @p to what is there. @return bytes; negative errno, -EAGAIN: nothing. */
static ssize_t
rx_receive(struct vfu_conn *conn, void *to, size_t len)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(VFU_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = to, .iov_len = len};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n = recvmsg(conn->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return -ECONNRESET;
	return rx_take_fds(conn->rx.msg, &mh) < 0 ? -EPROTO : n;
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

/**
 * Go on receiving; only the thread that has set conn->reading.
 * @return 0 and a whole message; -EAGAIN: not yet; another negative errno: the stream is over.
 */
static int
rx_go_on(struct vfu_conn *conn, struct vfu_message **out)
{
	struct rx *rx = &conn->rx;
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
		n = rx_receive(conn, (char *)&rx->msg->header + rx->header_have,
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
		n = rx_receive(conn, rx->msg->body + rx->body_have, rx->msg->size - rx->body_have);
		if (n < 0)
			return (int)n;
		rx->body_have += (size_t)n;
	}
	*out = rx->msg;
	rx->msg = NULL;
	return 0;
}

/** Give a message to whom it is for; conn->lock is held. */
static void
conn_sort(struct vfu_conn *conn, struct vfu_message *msg)
{
	if ((msg->header.flags & VFU_FLAG_TYPE) == VFU_FLAG_COMMAND) {
		conn->queue[conn->queued++] = msg; /* conn_read() was not called without room */
	} else if (conn->asking && conn->answer == NULL && msg->header.id == conn->ask_id) {
		conn->answer = msg;
	} else {
		vfu_message_free(msg); /* too late, or never asked for */
	}
}

/**
 * Read one message, as the only reader, and sort it; conn->lock is held, and given up meanwhile.
 * A time-out is no error.
 */
static void
conn_read(struct vfu_conn *conn, int64_t wait_ms)
{
	struct vfu_message *msg = NULL;
	int rc;

	conn->reading = true;
	pthread_mutex_unlock(&conn->lock);
	rc = conn_wait(conn, POLLIN, wait_ms);
	if (rc == 0)
		rc = rx_go_on(conn, &msg);
	pthread_mutex_lock(&conn->lock);
	conn->reading = false;
	if (msg != NULL)
		conn_sort(conn, msg);
	else if (rc != -EAGAIN && rc != -ETIMEDOUT)
		conn->error = rc;
	pthread_cond_broadcast(&conn->changed);
}

int
vfu_conn_next(struct vfu_conn *conn, struct vfu_message **out)
{
	int rc = 0;

	pthread_mutex_lock(&conn->lock);
	while (conn->queued == 0 && conn->error == 0) {
		if (conn->reading)
			pthread_cond_wait(&conn->changed, &conn->lock); /* the reader's wait ends */
		else
			conn_read(conn, -1);
	}
	if (conn->queued != 0) {
		*out = conn->queue[0];
		conn->queued--;
		memmove(&conn->queue[0], &conn->queue[1], conn->queued * sizeof(conn->queue[0]));
		pthread_cond_broadcast(&conn->changed);
	} else {
		rc = conn->error;
	}
	pthread_mutex_unlock(&conn->lock);
	return rc;
}

/** Send header and up to two pieces as one message. @return 0; negative errno: it is dead. */
static int
conn_send(struct vfu_conn *conn, struct iovec *iov, size_t count)
{
	int64_t deadline = now_ms() + VFU_WAIT_MS;
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = count};
	ssize_t n;
	int rc = 0;

	pthread_mutex_lock(&conn->tx_lock);
	while (mh.msg_iovlen > 0) {
		n = sendmsg(conn->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			rc = -ECONNRESET;
			break;
		}
		for (; n > 0 && mh.msg_iovlen > 0; mh.msg_iov++, mh.msg_iovlen--) {
			if ((size_t)n < mh.msg_iov->iov_len) {
				mh.msg_iov->iov_base = (char *)mh.msg_iov->iov_base + n;
				mh.msg_iov->iov_len -= (size_t)n;
				break;
			}
			n -= (ssize_t)mh.msg_iov->iov_len;
		}
		while (mh.msg_iovlen > 0 && mh.msg_iov->iov_len == 0) {
			mh.msg_iov++;
			mh.msg_iovlen--;
		}
		if (mh.msg_iovlen == 0)
			break;
		rc = conn_wait(conn, POLLOUT, deadline > now_ms() ? deadline - now_ms() : 0);
		if (rc < 0)
			break;
	}
	pthread_mutex_unlock(&conn->tx_lock);
	if (rc < 0)
		vfu_conn_kill(conn); /* half a message may be out */
	return rc;
}

int
vfu_conn_reply(struct vfu_conn *conn, const struct vfu_message *msg, int error, const void *data,
               size_t len)
{
	struct vfu_header header = {
		.id = msg->header.id,
		.command = msg->header.command,
		.flags = VFU_FLAG_REPLY | (error != 0 ? VFU_FLAG_ERROR : 0),
		.error = (uint32_t)error,
	};
	struct iovec iov[2] = {{&header, sizeof(header)}, {(void *)(uintptr_t)data, len}};

	if (msg->header.flags & VFU_FLAG_NO_REPLY)
		return 0;
	if (error != 0)
		iov[1].iov_len = 0;
	header.size = (uint32_t)(sizeof(header) + iov[1].iov_len);
	return conn_send(conn, iov, 2);
}

/** Wait for the answer to request @p id until @p deadline; conn->lock is held. */
static struct vfu_message *
conn_await(struct vfu_conn *conn, int64_t deadline)
{
	struct vfu_message *answer;
	struct timespec until = {deadline / 1000, deadline % 1000 * 1000000};

	while (conn->answer == NULL && conn->error == 0 && now_ms() < deadline) {
		/* With no room for commands nobody reads until the one who serves has taken one. */
		if (conn->reading || conn->queued == VFU_QUEUE)
			pthread_cond_timedwait(&conn->changed, &conn->lock, &until);
		else
			conn_read(conn, deadline - now_ms());
	}
	answer = conn->answer;
	conn->answer = NULL;
	conn->asking = false;
	return answer;
}

/** Send a request and wait for its answer. @return NULL: there is none. */
static struct vfu_message *
conn_ask(struct vfu_conn *conn, enum vfu_command command, struct iovec *iov, size_t count)
{
	struct vfu_header *header = iov[0].iov_base;
	struct vfu_message *answer = NULL;
	int64_t deadline = now_ms() + VFU_WAIT_MS;
	size_t i;

	*header = (struct vfu_header){.command = (uint16_t)command, .flags = VFU_FLAG_COMMAND};
	for (i = 0; i < count; i++)
		header->size += (uint32_t)iov[i].iov_len;
	pthread_mutex_lock(&conn->lock);
	header->id = ++conn->ask_id;
	conn->asking = true;
	pthread_mutex_unlock(&conn->lock);
	if (conn_send(conn, iov, count) == 0) {
		pthread_mutex_lock(&conn->lock);
		answer = conn_await(conn, deadline);
		pthread_mutex_unlock(&conn->lock);
	}
	if (answer != NULL && answer->header.command != command) {
		vfu_message_free(answer);
		answer = NULL;
	}
	return answer;
}

/** What an answer says about a transfer of @p len bytes at @p addr, with @p data bytes behind. */
static int
conn_judge(const struct vfu_message *answer, uint64_t addr, size_t len, size_t data)
{
	struct vfu_dma_access read = {0};
	struct vfu_dma_written written = {0};

	if (answer == NULL)
		return -EIO;
	if (answer->header.flags & VFU_FLAG_ERROR)
		return -EFAULT;
	if (data != 0 && answer->size == sizeof(read) + data) {
		memcpy(&read, answer->body, sizeof(read));
		return read.addr == addr && read.count == len ? 0 : -EIO;
	}
	/* The count of a DMA_WRITE reply has 4 bytes in the specification, 8 in some clients. */
	if (data == 0 && (answer->size == sizeof(written) || answer->size == sizeof(read))) {
		memcpy(&written, answer->body, sizeof(written));
		return written.addr == addr && written.count == len ? 0 : -EIO;
	}
	return -EIO;
}

/** One transfer in pieces that the client takes; @p in or @p out is NULL. */
static int
conn_dma(struct vfu_conn *conn, uint64_t addr, void *in, const void *out, size_t len)
{
	size_t max = atomic_load(&conn->data_max), n, done;
	int rc = 0;

	pthread_mutex_lock(&conn->ask_lock);
	for (done = 0; done < len && rc == 0; done += n) {
		struct vfu_header header;
		struct vfu_dma_access access = {.addr = addr + done};
		struct iovec iov[3] = {{&header, sizeof(header)}, {&access, sizeof(access)}};
		struct vfu_message *answer;

		n = len - done < max ? len - done : max;
		access.count = n;
		if (out != NULL)
			iov[2] = (struct iovec){(char *)(uintptr_t)out + done, n};
		answer = conn_ask(conn, in != NULL ? VFU_DMA_READ : VFU_DMA_WRITE, iov,
		                  in != NULL ? 2 : 3);
		rc = conn_judge(answer, access.addr, n, in != NULL ? n : 0);
		if (rc == 0 && in != NULL)
			memcpy((char *)in + done, answer->body + sizeof(access), n);
		vfu_message_free(answer);
	}
	pthread_mutex_unlock(&conn->ask_lock);
	return rc;
}

int
vfu_conn_dma_read(struct vfu_conn *conn, uint64_t addr, void *buf, size_t len)
{
	return conn_dma(conn, addr, buf, NULL, len);
}

int
vfu_conn_dma_write(struct vfu_conn *conn, uint64_t addr, const void *buf, size_t len)
{
	return conn_dma(conn, addr, NULL, buf, len);
}
