/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A client that sends the descriptor of a file which it serves itself and never answers for: the
 * server as a process goes on, and ends when it is told to.
 *
 *	test_vfu_foreign SERVER
 */

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuse_file.h"
#include "rig.h"
#include "soak_server.h"
#include "test.h"
#include "vfu_helper.h"

#define NO_FILE "no file system in user space: needs /dev/fuse and the right to mount"

TEST_LIST

static const char *server_path;
static const char *const no_options[] = {NULL};

static struct rig
join(const struct soak_server *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct rig r = {.mem_fd = -1};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", s->path);
	r.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(connect(r.fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
	return r;
}

/** A client that means well, with memory and an eventfd. */
static void
check_next_client(const struct soak_server *s)
{
	struct rig r = join(s);
	int mem = memfd_create("client", MFD_CLOEXEC), event = eventfd(0, EFD_CLOEXEC);

	CHECK_INT(ftruncate(mem, 4096), ==, 0);
	CHECK_INT(rig_version(&r), >, 0);
	CHECK_INT(rig_map(&r, MEM_BASE, 4096, VFU_MAP_READ | VFU_MAP_WRITE, mem, 0), ==, 0);
	CHECK_INT(rig_set_irqs(&r, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	                       VFIO_PCI_MSIX_IRQ_INDEX, 1, event),
	          ==, 0);
	CHECK_INT(rig_read(&r, CFG, 0, 2), ==, 0x8086);
	close(r.fd);
	close(mem);
	close(event);
}

/** Ways to send a descriptor. @return what the server says to it. */
static int
send_with_version(struct rig *r, int fd)
{
	struct vfu_version version = {VFU_MAJOR, VFU_MINOR};

	return rig_call_fds(r, VFU_VERSION, &version, sizeof(version), &fd, 1, NULL, 0);
}

static int
send_with_map(struct rig *r, int fd)
{
	CHECK_INT(rig_version(r), >, 0);
	return rig_map(r, MEM_BASE, 4096, VFU_MAP_READ | VFU_MAP_WRITE, fd, 0);
}

static int
send_with_set_irqs(struct rig *r, int fd)
{
	CHECK_INT(rig_version(r), >, 0);
	return rig_set_irqs(r, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	                    VFIO_PCI_MSIX_IRQ_INDEX, 1, fd);
}

static int
send_with_write(struct rig *r, int fd)
{
	struct {
		struct vfu_region_access access;
		uint8_t data[2];
	} write = {{4, CFG, 2}, {6, 0}};

	CHECK_INT(rig_version(r), >, 0);
	return rig_call_fds(r, VFU_REGION_WRITE, &write, sizeof(write.access) + 2, &fd, 1, NULL, 0);
}

/** Something that is no message; its first bytes are a header's type that does not exist. */
static int
send_with_garbage(struct rig *r, int fd)
{
	static const uint8_t garbage[64] = {[4] = 64, [8] = 7};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)garbage, sizeof(garbage)};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};

	CHECK_INT(rig_version(r), >, 0);
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	CHECK_INT(sendmsg(r->fd, &mh, MSG_NOSIGNAL), ==, sizeof(garbage));
	return rig_reply(r, NULL, 0);
}

static int (*const ways[])(struct rig *, int) = {
	send_with_version, send_with_map, send_with_set_irqs, send_with_write, send_with_garbage,
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

/** Send the file in all ways, @p all: it is silent to questions, too. */
static void
check_all_ways(bool all)
{
	struct soak_server s;
	struct rig r;
	size_t i;
	int fd;

	if (fuse_file_start() < 0)
		SKIP(NO_FILE);
	fd = fuse_file_open();
	CHECK_INT(fd, >=, 0);
	soak_server_start(&s, server_path, no_options);
	for (i = 0; i < WAYS; i++) {
		fuse_file_hold(all);
		r = join(&s);
		/* One that is silent to questions is known by that; others are refused at once. */
		if (all || i == WAYS - 1)
			CHECK_INT(ways[i](&r, fd), <, 0);
		else
			CHECK_INT(ways[i](&r, fd), ==, -EINVAL);
		CHECK(fuse_file_wait_held(1));
		close(r.fd);
		check_next_client(&s);
		fuse_file_release();
	}
	CHECK_INT(soak_server_stop(&s), ==, 0);
}

TEST(file_that_cannot_be_closed_is_refused_and_the_next_client_served)
{
	check_all_ways(false);
}

TEST(file_that_answers_nothing_costs_its_client_and_the_next_one_is_served)
{
	check_all_ways(true);
}

/* Three seconds are promised; on a busy machine that is judged by the exit code. */
TEST(server_ends_while_files_hold_its_helpers)
{
	struct soak_server s;
	struct rig r[WAYS];
	size_t i;
	int fd;

	if (fuse_file_start() < 0)
		SKIP(NO_FILE);
	fd = fuse_file_open();
	soak_server_start(&s, server_path, no_options);
	fuse_file_hold(false);
	for (i = 0; i < WAYS; i++) {
		r[i] = join(&s);
		ways[i](&r[i], fd);
		CHECK(fuse_file_wait_held((unsigned int)i + 1));
		if (i < WAYS - 1)
			close(r[i].fd);
	}
	CHECK_INT(soak_server_stop(&s), ==, 0);
	close(r[WAYS - 1].fd);
	fuse_file_release();
}

TEST(client_that_loses_too_many_helpers_waits_until_one_is_back)
{
	struct soak_server s;
	struct rig r;
	unsigned int i;
	int fd;

	if (fuse_file_start() < 0)
		SKIP(NO_FILE);
	fd = fuse_file_open();
	soak_server_start(&s, server_path, no_options);
	fuse_file_hold(false);
	/* As many are lost, and one more is at work when the next is asked for. */
	for (i = 0; i <= VFU_HELPERS_LOST_MAX; i++) {
		r = join(&s);
		CHECK_INT(send_with_map(&r, fd), ==, -EINVAL);
		close(r.fd);
		CHECK(fuse_file_wait_held(i + 1));
	}
	r = join(&s);
	CHECK_INT(send(r.fd, "", 1, MSG_NOSIGNAL), ==, 1);
	/* Not served, so that it is not dismissed, either, for the half of a message. */
	CHECK_INT(poll(&(struct pollfd){.fd = r.fd, .events = POLLIN}, 1, 3000), ==, 0);
	close(r.fd);
	fuse_file_release();
	check_next_client(&s);
	CHECK_INT(soak_server_stop(&s), ==, 0);
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s SERVER\n", argv[0]);
		return 2;
	}
	server_path = argv[1];
	return test_run_all("vfu_foreign") == 0 ? 0 : 1;
}
