/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Hostile client, its stream: commands, answers to requests for memory, right and wrong, and in
 * the end rubbish, all sent before the server reads any of it. So no call waits, an input always
 * does the same, and what each call must return is known.
 */

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../fuzz_input.h"
#include "vfu_proto.h"

#define EVENTS   56u
#define WAIT_MS  600000u /* nothing waits; a busy machine must not change a result */
#define BODY_MAX 600u
#define DATA_MAX 128u

/** A message that was sent whole. */
struct event {
	struct vfu_header header;
	uint8_t body[BODY_MAX];
	uint32_t size;
	uint32_t fds;
};

/** A transfer that the server will make. */
struct transfer {
	uint64_t addr;
	size_t len;
	bool read;
};

static struct {
	struct fuzz_input in;
	struct vfu_conn *conn;
	struct vfu_helper *helper;
	int fd; /* the client's end */
	int event_fd;
	int stop_fd;
	uint32_t data_max;
	struct event event[EVENTS];
	unsigned int events;
	unsigned int read; /* events that the server has seen */
	unsigned int queue[EVENTS];
	unsigned int queued;
	struct transfer transfer[EVENTS];
	unsigned int transfers;
	uint16_t planned_id; /* of the last request that an answer was sent for */
	uint16_t id;         /* of the server's last request */
	bool mute;           /* a request was not answered: there will be no other */
	bool rubbish;        /* follows behind the events */
} w;

static uint64_t
take(unsigned int bytes)
{
	return fuzz_take(&w.in, bytes);
}

/* ---- before: what the client sends ---- */

/** Send a part, with descriptors. @return false: the socket is full. */
static bool
send_part(const void *data, size_t len, uint32_t fds)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(16 * sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)data, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	uint32_t i;

	if (fds != 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(fds * sizeof(int));
		for (i = 0; i < fds; i++)
			memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &w.event_fd,
			       sizeof(int));
	}
	return len == 0 || sendmsg(w.fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

/** Send an event in two parts, its descriptors with the second one. */
static void
send_event(struct event *e, size_t cut)
{
	uint8_t bytes[sizeof(e->header) + BODY_MAX];

	e->header.size = (uint32_t)sizeof(e->header) + e->size;
	memcpy(bytes, &e->header, sizeof(e->header));
	memcpy(bytes + sizeof(e->header), e->body, e->size);
	cut %= e->header.size;
	FUZZ_CHECK(send_part(bytes, cut, 0));
	FUZZ_CHECK(send_part(bytes + cut, e->header.size - cut, e->fds));
	w.events++;
}

static void
plan_command(void)
{
	struct event *e = &w.event[w.events];

	e->header = (struct vfu_header){(uint16_t)take(1), (uint16_t)take(1), 0, 0, 0};
	e->header.flags = (uint32_t)take(1) << 4;
	e->fds = (uint32_t)take(1) % (VFU_FDS_MAX + 1);
	e->size = (uint32_t)fuzz_take_bytes(&w.in, e->body, BODY_MAX);
	send_event(e, take(1));
}

/** The answer to the next request: right, if @p how is 0. */
static void
plan_answer(const struct transfer *t, size_t at, uint64_t how)
{
	size_t n = t->len - at < w.data_max ? t->len - at : w.data_max;
	struct vfu_dma_access access = {t->addr + at, n};
	struct event *e = &w.event[w.events];
	uint16_t command = t->read ? VFU_DMA_READ : VFU_DMA_WRITE;

	if (w.events == EVENTS)
		return;
	e->header = (struct vfu_header){w.planned_id, command, 0, VFU_FLAG_REPLY, 0};
	e->header.id = (uint16_t)(e->header.id + (how & 0x03));
	e->header.command ^= how >> 2 & 0x03;
	e->header.flags |= how & 0x10 ? VFU_FLAG_ERROR : 0;
	access.addr ^= how >> 5 & 1;
	access.count += how >> 6 & 1;
	memcpy(e->body, &access, sizeof(access));
	memset(e->body + sizeof(access), (int)(w.planned_id + 3), n);
	e->size = (uint32_t)sizeof(access) + (t->read ? (uint32_t)n : 0);
	if (!t->read && w.planned_id & 1)
		e->size = sizeof(struct vfu_dma_written);
	e->size += how >> 7 & 1;
	e->fds = 0;
	send_event(e, how >> 8);
}

static void
plan_transfer(void)
{
	struct transfer *t = &w.transfer[w.transfers++];
	uint64_t how = take(1), wrong = how & 0x0c ? 0 : take(2);
	size_t at;

	*t = (struct transfer){take(2) << 12, 1 + take(1), how & 1};
	for (at = 0; at < t->len; at += w.data_max) {
		w.planned_id++;
		if (how & 2)
			plan_answer(t, at, 1); /* one that nobody waits for comes before */
		plan_answer(t, at, at + w.data_max < t->len ? 0 : wrong);
	}
}

static void
plan(void)
{
	uint8_t bytes[BODY_MAX];
	unsigned int ops;
	size_t n;

	for (ops = 0; w.in.left != 0 && w.events < EVENTS && ops < EVENTS; ops++) {
		uint64_t op = take(1);

		if (op < 0x60)
			plan_command();
		else if (op < 0xf0)
			plan_transfer();
		else
			break;
	}
	n = fuzz_take_bytes(&w.in, bytes, sizeof(bytes));
	w.rubbish = n != 0;
	FUZZ_CHECK(send_part(bytes, n, n != 0 ? (uint32_t)take(1) % 12 : 0));
	FUZZ_CHECK(shutdown(w.fd, SHUT_WR) == 0);
}

/* ---- after: what the server makes of it ---- */

static bool
is_command(const struct event *e)
{
	return (e->header.flags & VFU_FLAG_TYPE) == VFU_FLAG_COMMAND;
}

/** The next command that must come, answers on the way to it are lost. @return NULL: none. */
static const struct event *
expect_command(void)
{
	const struct event *e = NULL;

	if (w.queued != 0) {
		e = &w.event[w.queue[0]];
		w.queued--;
		memmove(w.queue, w.queue + 1, w.queued * sizeof(w.queue[0]));
		return e;
	}
	while (w.read < w.events) {
		e = &w.event[w.read++];
		if (is_command(e))
			return e;
	}
	return NULL;
}

static void
take_command(void)
{
	const struct event *e = expect_command();
	struct vfu_message *msg = NULL;
	int rc = vfu_conn_next(w.conn, &msg);

	if (e == NULL) {
		FUZZ_CHECK(rc == -ECONNRESET || (w.rubbish && (rc == -EPROTO || rc == 0)));
		if (rc == 0)
			vfu_message_free(msg);
		return;
	}
	FUZZ_CHECK(rc == 0);
	FUZZ_CHECK(memcmp(&msg->header, &e->header, sizeof(e->header)) == 0);
	FUZZ_CHECK(msg->size == e->size && msg->fd_count == e->fds);
	FUZZ_CHECK(e->size == 0 || memcmp(msg->body, e->body, e->size) == 0);
	vfu_message_free(msg);
}

/** What a request for @p n bytes at @p addr must come to. */
static int
expect_answer(uint64_t addr, size_t n, bool read)
{
	struct vfu_dma_access access;
	const struct event *e = NULL;

	for (;; w.read++) {
		if (w.read == w.events) {
			w.mute = true;
			return -EIO;
		}
		e = &w.event[w.read];
		if (is_command(e))
			w.queue[w.queued++] = w.read;
		else if (e->header.id == w.id)
			break;
	}
	w.read++;
	if (e->header.command != (read ? VFU_DMA_READ : VFU_DMA_WRITE))
		return -EIO;
	if (e->header.flags & VFU_FLAG_ERROR)
		return -EFAULT;
	memcpy(&access, e->body, sizeof(access));
	if (read && e->size != sizeof(access) + n)
		return -EIO;
	if (!read && e->size != sizeof(access) && e->size != sizeof(struct vfu_dma_written))
		return -EIO;
	return access.addr == addr && (uint32_t)access.count == n ? 0 : -EIO;
}

/** The server has asked for it, in this form. */
static void
check_request(uint64_t addr, size_t n, bool read)
{
	struct vfu_dma_access access;
	struct vfu_header header;
	uint8_t data[DATA_MAX];

	FUZZ_CHECK(recv(w.fd, &header, sizeof(header), MSG_DONTWAIT) == sizeof(header));
	FUZZ_CHECK(header.id == w.id && header.flags == VFU_FLAG_COMMAND);
	FUZZ_CHECK(header.command == (read ? VFU_DMA_READ : VFU_DMA_WRITE));
	FUZZ_CHECK(header.size == sizeof(header) + sizeof(access) + (read ? 0 : n));
	FUZZ_CHECK(recv(w.fd, &access, sizeof(access), MSG_DONTWAIT) == sizeof(access));
	FUZZ_CHECK(access.addr == addr && access.count == n);
	if (!read) {
		FUZZ_CHECK(recv(w.fd, data, n, MSG_DONTWAIT) == (ssize_t)n);
		FUZZ_CHECK(data[0] == 0x5a && memcmp(data, data + 1, n - 1) == 0);
	}
}

static void
make_transfer(const struct transfer *t)
{
	uint8_t data[256], expected[256];
	bool known = true;
	size_t at, n = 0;
	int want = 0, rc;

	memset(data, 0x5a, sizeof(data));
	memset(expected, 0x5a, sizeof(expected));
	if (t->read)
		rc = vfu_conn_dma_read(w.conn, t->addr, data, t->len);
	else
		rc = vfu_conn_dma_write(w.conn, t->addr, data, t->len);
	for (at = 0; at < t->len && want == 0; at += n) {
		n = t->len - at < w.data_max ? t->len - at : w.data_max;
		w.id++;
		if (w.mute) {
			want = -EIO;
			break;
		}
		check_request(t->addr + at, n, t->read);
		want = expect_answer(t->addr + at, n, t->read);
		if (want == 0 && t->read)
			memset(expected + at, w.id + 3, n);
		/* Rubbish might be taken for an answer. */
		known = !w.rubbish || w.read < w.events || want == 0;
		if (!known)
			break;
	}
	if (known) {
		FUZZ_CHECK(rc == want);
		FUZZ_CHECK(memcmp(data, expected, sizeof(data)) == 0);
	}
}

static unsigned int
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	FUZZ_CHECK(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
serve(uint64_t order)
{
	unsigned int made = 0, commands = 0, turn;

	for (turn = 0; made < w.transfers || commands <= w.events; turn++) {
		if (made < w.transfers && (order >> turn % 64 & 1 || commands > w.events)) {
			make_transfer(&w.transfer[made++]);
			if (w.rubbish && w.read == w.events)
				return; /* nobody knows how it goes on */
		} else {
			take_command();
			commands++;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int fds;
	uint64_t order;
	int pair[2];

	if (w.event_fd == 0) {
		w.event_fd = eventfd(0, EFD_CLOEXEC);
		w.stop_fd = eventfd(0, EFD_CLOEXEC);
		FUZZ_CHECK(w.event_fd > 0 && w.stop_fd > 0);
	}
	FUZZ_CHECK(vfu_helper_open(&w.helper, NULL) == 0);
	fds = open_fds();
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	w.in = (struct fuzz_input){data, size};
	w.fd = pair[0];
	w.events = w.read = w.queued = w.transfers = 0;
	w.id = w.planned_id = 0;
	w.mute = false;
	FUZZ_CHECK(vfu_conn_open(&w.conn, pair[1], w.helper, w.stop_fd) == 0);
	vfu_conn_set_wait(w.conn, WAIT_MS);
	order = take(8);
	w.data_max = 1 + (uint32_t)take(1) % DATA_MAX;
	vfu_conn_set_data_max(w.conn, w.data_max);
	plan();
	serve(order);
	vfu_conn_close(w.conn);
	vfu_helper_close(w.helper, WAIT_MS);
	close(w.fd);
	FUZZ_CHECK(open_fds() == fds);
	return 0;
}
