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

struct vfu_conn {
	int fd;
	int stop_fd;
	int64_t wait_ms;
	_Atomic uint32_t data_max;
	atomic_bool dead;

	pthread_mutex_t tx_lock; /* one message at a time goes out */

	pthread_mutex_t lock; /* all below */
	pthread_cond_t changed;
	bool reading; /* a thread is in conn_read(), the only one to touch rx */
	int error;    /* the end of the stream: why; never 0 again */
	struct vfu_receive rx;
	struct vfu_message *first; /* commands, oldest first */
	struct vfu_message **last; /* where the next one goes */
	size_t queued, queued_bytes, queued_fds;
	bool mute;   /* a request was not answered in time, and has not been since */
	bool asking; /* a request is out, its reply has ask_id */
	uint16_t ask_id;
	struct vfu_message *answer;

	pthread_mutex_t ask_lock; /* one request at a time */
};

int
vfu_conn_open(struct vfu_conn **out, int fd, struct vfu_helper *helper, int stop_fd)
{
	static const int on = 1;
	struct vfu_conn *conn = calloc(1, sizeof(*conn));
	pthread_condattr_t attr;
	int rc = conn != NULL ? vfu_helper_connect(helper, fd) : -ENOMEM;

	if (rc < 0) {
		close(fd);
		free(conn);
		return rc;
	}
	/* Out of band a byte would be passed over by a look, and dropped with its descriptor. */
	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	conn->fd = fd;
	conn->stop_fd = stop_fd;
	conn->rx.fd = fd;
	conn->rx.stop_fd = stop_fd;
	conn->rx.helper = helper;
	conn->last = &conn->first;
	conn->data_max = VFU_DATA_MAX;
	pthread_mutex_init(&conn->tx_lock, NULL);
	pthread_mutex_init(&conn->lock, NULL);
	pthread_mutex_init(&conn->ask_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&conn->changed, &attr);
	pthread_condattr_destroy(&attr);
	vfu_conn_set_wait(conn, VFU_WAIT_MS);
	*out = conn;
	return 0;
}

void
vfu_conn_close(struct vfu_conn *conn)
{
	struct vfu_message *msg;

	if (conn == NULL)
		return;
	while ((msg = conn->first) != NULL) {
		conn->first = msg->next;
		vfu_message_free(msg);
	}
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
vfu_conn_set_wait(struct vfu_conn *conn, unsigned int wait_ms)
{
	conn->wait_ms = wait_ms;
	conn->rx.wait_ms = wait_ms;
	conn->rx.deadline_ms = vfu_now_ms() + wait_ms;
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
	int64_t deadline = vfu_now_ms() + wait_ms;
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
		left = deadline - vfu_now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
	}
}

static bool
conn_has_room(const struct vfu_conn *conn)
{
	return conn->queued < VFU_QUEUE_MESSAGES && conn->queued_bytes < VFU_QUEUE_BYTES &&
	       conn->queued_fds < VFU_QUEUE_FDS;
}

/** Give a message to whom it is for; conn->lock is held. */
static void
conn_sort(struct vfu_conn *conn, struct vfu_message *msg)
{
	if ((msg->header.flags & VFU_FLAG_TYPE) == VFU_FLAG_COMMAND) {
		*conn->last = msg; /* conn_read() was not called without room */
		conn->last = &msg->next;
		conn->queued++;
		conn->queued_bytes += msg->size;
		conn->queued_fds += msg->fd_count;
	} else if (conn->asking && conn->answer == NULL && msg->header.id == conn->ask_id) {
		conn->answer = msg;
	} else {
		conn->mute = false;
		vfu_message_free(msg); /* too late, or never asked for */
	}
}

/**
 * Read one message, as the only reader, and sort it; conn->lock is held, and given up meanwhile.
 * @param wait_ms less than 0: as long as the stream may be silent. A time-out is no error, unless
 * a message has begun too long ago.
 */
static void
conn_read(struct vfu_conn *conn, int64_t wait_ms)
{
	struct vfu_message *msg = NULL;
	int64_t left;
	int rc;

	conn->reading = true;
	pthread_mutex_unlock(&conn->lock);
	if (conn->rx.deadline_ms != 0) {
		left = conn->rx.deadline_ms - vfu_now_ms();
		if (left < 0)
			left = 0;
		if (wait_ms < 0 || left < wait_ms)
			wait_ms = left;
	}
	rc = conn_wait(conn, POLLIN, wait_ms);
	if (rc == 0)
		rc = vfu_receive(&conn->rx, &msg);
	pthread_mutex_lock(&conn->lock);
	conn->reading = false;
	if (msg != NULL)
		conn_sort(conn, msg);
	else if (rc != -EAGAIN && rc != -ETIMEDOUT)
		conn->error = rc;
	else if (conn->rx.deadline_ms != 0 && vfu_now_ms() >= conn->rx.deadline_ms)
		conn->error = -ETIMEDOUT;
	pthread_cond_broadcast(&conn->changed);
}

/** Take the oldest command; there is one, and conn->lock is held. */
static struct vfu_message *
conn_take(struct vfu_conn *conn)
{
	struct vfu_message *msg = conn->first;

	conn->first = msg->next;
	if (conn->first == NULL)
		conn->last = &conn->first;
	conn->queued--;
	conn->queued_bytes -= msg->size;
	conn->queued_fds -= msg->fd_count;
	pthread_cond_broadcast(&conn->changed);
	return msg;
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
	if (conn->queued != 0)
		*out = conn_take(conn);
	else
		rc = conn->error;
	pthread_mutex_unlock(&conn->lock);
	return rc;
}

/** Send header and up to two pieces as one message. @return 0; negative errno: it is dead. */
static int
conn_send(struct vfu_conn *conn, struct iovec *iov, size_t count)
{
	int64_t deadline = vfu_now_ms() + conn->wait_ms;
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
		rc = conn_wait(conn, POLLOUT,
		               deadline > vfu_now_ms() ? deadline - vfu_now_ms() : 0);
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

/** Wait for the answer to the request that is out until @p deadline; conn->lock is held. */
static struct vfu_message *
conn_await(struct vfu_conn *conn, int64_t deadline)
{
	struct vfu_message *answer;
	struct timespec until = {deadline / 1000, deadline % 1000 * 1000000};
	int64_t left;

	while (conn->answer == NULL && conn->error == 0) {
		left = deadline - vfu_now_ms();
		if (left <= 0)
			break;
		/* With no room for commands nobody reads until the one who serves has taken one. */
		if (conn->reading || !conn_has_room(conn))
			pthread_cond_timedwait(&conn->changed, &conn->lock, &until);
		else
			conn_read(conn, left);
	}
	answer = conn->answer;
	conn->answer = NULL;
	conn->asking = false;
	conn->mute = answer == NULL;
	return answer;
}

/** Send a request and wait for its answer until @p deadline. @return NULL: there is none. */
static struct vfu_message *
conn_ask(struct vfu_conn *conn, enum vfu_command command, struct iovec *iov, size_t count,
         int64_t deadline)
{
	struct vfu_header *header = iov[0].iov_base;
	struct vfu_message *answer = NULL;
	size_t i;
	bool mute;

	*header = (struct vfu_header){.command = (uint16_t)command, .flags = VFU_FLAG_COMMAND};
	for (i = 0; i < count; i++)
		header->size += (uint32_t)iov[i].iov_len;
	pthread_mutex_lock(&conn->lock);
	mute = conn->mute;
	conn->asking = !mute;
	header->id = ++conn->ask_id;
	pthread_mutex_unlock(&conn->lock);
	if (mute)
		return NULL;
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
	int64_t deadline = vfu_now_ms() + conn->wait_ms; /* for all pieces, small as they may be */
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
		                  in != NULL ? 2 : 3, deadline);
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
