/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Descriptors of all kinds, where memory or an eventfd is asked for. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

/** Descriptors of many kinds, without those that this kernel lacks. @return how many. */
static size_t
open_kinds(int *fds)
{
	const char *const paths[] = {"/dev/null", "/dev/zero", "/dev/ptmx", "/dev/fuse",
	                             "/proc/self/maps"};
	struct epoll_event event = {.events = EPOLLIN};
	sigset_t none;
	size_t n = 0, i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		fds[n++] = open(paths[i], O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK_INT(pipe2(fds + n, O_CLOEXEC), ==, 0);
	n += 2;
	CHECK_INT(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds + n), ==, 0);
	n += 2;
	fds[n++] = socket(AF_INET, SOCK_STREAM, 0);
	fds[n++] = open("/", O_PATH | O_CLOEXEC);
	fds[n++] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	sigemptyset(&none);
	fds[n++] = signalfd(-1, &none, SFD_CLOEXEC);
	fds[n++] = inotify_init1(IN_CLOEXEC);
	fds[n] = epoll_create1(EPOLL_CLOEXEC);
	CHECK_INT(epoll_ctl(fds[n], EPOLL_CTL_ADD, fds[n - 1], &event), ==, 0);
	n++;
	fds[n++] = (int)syscall(SYS_pidfd_open, getpid(), 0);
	fds[n++] = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1); /* of user mode alone */
	fds[n++] = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	return n;
}

TEST(descriptors_of_all_other_kinds_are_refused_and_closed)
{
	uint32_t flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	unsigned int before;
	int fds[32];
	struct rig r;
	size_t n, i;

	rig_open_ready(&r, NULL);
	n = open_kinds(fds);
	before = rig_open_fds();
	for (i = 0; i < n; i++) {
		if (fds[i] < 0)
			continue;
		CHECK_INT(rig_map(&r, 0x80000000, 4096, 1, fds[i], 0), ==, -EINVAL);
		CHECK_INT(rig_set_irqs(&r, flags, VFIO_PCI_MSIX_IRQ_INDEX, 1, fds[i]), ==, -EINVAL);
	}
	/* Memory is no eventfd, and an eventfd no memory. */
	CHECK_INT(rig_set_irqs(&r, flags, VFIO_PCI_MSIX_IRQ_INDEX, 1, r.mem_fd), ==, -EINVAL);
	CHECK_INT(rig_read(&r, CFG, 0, 2), ==, 0x8086);
	CHECK_INT(rig_open_fds(), ==, before);
	for (i = 0; i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	rig_close(&r);
}

/* A socket of a pair that holds the other, which holds the first: the kernel collects them. */
TEST(connection_that_is_sent_through_itself_is_refused)
{
	struct vfu_region_access access = {0, CFG, 4};
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_call_fds(&r, VFU_REGION_READ, &access, sizeof(access), &r.fd, 1, NULL, 0), ==,
	          -EINVAL);
	CHECK_INT(rig_map(&r, 0x80000000, 4096, 1, r.fd, 0), ==, -EINVAL);
	CHECK_INT(rig_read(&r, CFG, 0, 2), ==, 0x8086);
	rig_close(&r);
}

TEST_MAIN("vfu_kinds")
