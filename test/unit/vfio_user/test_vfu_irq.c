/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "test.h"
#include "vfu_event.h"
#include "vfu_irq.h"

#define NONE    VFIO_IRQ_SET_DATA_NONE
#define BOOL    VFIO_IRQ_SET_DATA_BOOL
#define EVENTFD VFIO_IRQ_SET_DATA_EVENTFD
#define TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER
#define MASK    VFIO_IRQ_SET_ACTION_MASK
#define UNMASK  VFIO_IRQ_SET_ACTION_UNMASK
#define MSIX    VFIO_PCI_MSIX_IRQ_INDEX
#define INTX    VFIO_PCI_INTX_IRQ_INDEX

static int
set(struct vfu_irqs *irqs, uint32_t flags, uint32_t index, uint32_t start, uint32_t count)
{
	struct vfu_irq_set s = {.flags = flags, .index = index, .start = start, .count = count};

	return vfu_irq_set(irqs, &s);
}

/** Give @p irqs an eventfd of its own; the caller's stays open. */
static int
give(struct vfu_irqs *irqs, uint32_t index, int fd)
{
	int copy = dup(fd);
	struct vfu_irq_set s = {.flags = EVENTFD | TRIGGER,
	                        .index = index,
	                        .count = 1,
	                        .fds = &copy,
	                        .fd_count = 1};
	int rc = vfu_irq_set(irqs, &s);

	if (copy >= 0)
		close(copy);
	return rc;
}

__attribute__((constructor)) static void
start(void)
{
	CHECK_INT(vfu_event_start(), ==, 0);
}

static uint64_t
events(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

TEST(raised_interrupt_is_an_event)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vfu_irqs irqs;

	vfu_irqs_open(&irqs);
	CHECK_INT(give(&irqs, MSIX, fd), ==, 0);
	CHECK(vfu_irq_raise(&irqs, MSIX));
	CHECK_INT(events(fd), ==, 1);
	vfu_irqs_close(&irqs);
	close(fd);
}

TEST(interrupt_without_eventfd_waits_for_one)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vfu_irqs irqs;

	vfu_irqs_open(&irqs);
	CHECK(!vfu_irq_raise(&irqs, MSIX));
	CHECK_INT(give(&irqs, MSIX, fd), ==, 0);
	CHECK_INT(events(fd), ==, 1);
	vfu_irqs_close(&irqs);
	close(fd);
}

TEST(masked_interrupt_comes_when_unmasked)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vfu_irqs irqs;

	vfu_irqs_open(&irqs);
	give(&irqs, MSIX, fd);
	CHECK_INT(set(&irqs, NONE | MASK, MSIX, 0, 1), ==, 0);
	CHECK(!vfu_irq_raise(&irqs, MSIX));
	CHECK_INT(events(fd), ==, 0);
	CHECK_INT(set(&irqs, NONE | UNMASK, MSIX, 0, 1), ==, 0);
	CHECK_INT(events(fd), ==, 1);
	vfu_irqs_close(&irqs);
	close(fd);
}

TEST(boolean_selects_whether_the_action_is_done)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vfu_irqs irqs;
	uint8_t yes[1] = {0};
	struct vfu_irq_set s = {
		.flags = BOOL | TRIGGER, .index = MSIX, .count = 1, .data = yes, .data_len = 1};

	vfu_irqs_open(&irqs);
	give(&irqs, MSIX, fd);
	CHECK_INT(vfu_irq_set(&irqs, &s), ==, 0);
	CHECK_INT(events(fd), ==, 0);
	yes[0] = 1;
	CHECK_INT(vfu_irq_set(&irqs, &s), ==, 0);
	CHECK_INT(events(fd), ==, 1);
	s.data_len = 0;
	CHECK_INT(vfu_irq_set(&irqs, &s), ==, -EINVAL);
	vfu_irqs_close(&irqs);
	close(fd);
}

TEST(type_that_is_switched_off_forgets_its_eventfd)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vfu_irqs irqs;

	vfu_irqs_open(&irqs);
	give(&irqs, MSIX, fd);
	CHECK_INT(set(&irqs, NONE | TRIGGER, MSIX, 0, 0), ==, 0);
	CHECK_INT(irqs.irq[MSIX].fd, ==, -1);
	CHECK(!vfu_irq_raise(&irqs, MSIX));
	vfu_irqs_close(&irqs);
	close(fd);
}

TEST(eventfd_action_without_a_descriptor_takes_it_away)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vfu_irqs irqs;

	vfu_irqs_open(&irqs);
	give(&irqs, MSIX, fd);
	CHECK_INT(set(&irqs, EVENTFD | TRIGGER, MSIX, 0, 1), ==, 0);
	CHECK_INT(irqs.irq[MSIX].fd, ==, -1);
	close(fd);
}

TEST(flags_that_exclude_each_other_are_refused)
{
	struct vfu_irqs irqs;

	vfu_irqs_open(&irqs);
	CHECK_INT(set(&irqs, NONE | BOOL | TRIGGER, MSIX, 0, 1), ==, -EINVAL);
	CHECK_INT(set(&irqs, NONE | TRIGGER | MASK, MSIX, 0, 1), ==, -EINVAL);
	CHECK_INT(set(&irqs, NONE, MSIX, 0, 1), ==, -EINVAL);
	CHECK_INT(set(&irqs, TRIGGER, MSIX, 0, 1), ==, -EINVAL);
	CHECK_INT(set(&irqs, NONE | TRIGGER | 1u << 9, MSIX, 0, 1), ==, -EINVAL);
}

TEST(interrupts_that_do_not_exist_are_refused)
{
	struct vfu_irqs irqs;

	vfu_irqs_open(&irqs);
	CHECK_INT(set(&irqs, NONE | TRIGGER, VFIO_PCI_NUM_IRQS, 0, 1), ==, -EINVAL);
	CHECK_INT(set(&irqs, NONE | TRIGGER, UINT32_MAX, 0, 0), ==, -EINVAL);
	CHECK_INT(set(&irqs, NONE | TRIGGER, VFIO_PCI_MSI_IRQ_INDEX, 0, 1), ==, -EINVAL);
	CHECK_INT(set(&irqs, NONE | TRIGGER, MSIX, 1, 1), ==, -EINVAL);
	CHECK_INT(set(&irqs, NONE | TRIGGER, MSIX, 0, 2), ==, -EINVAL);
	CHECK_INT(set(&irqs, NONE | TRIGGER, MSIX, UINT32_MAX, 2), ==, -EINVAL);
	CHECK_INT(set(&irqs, NONE | MASK, VFIO_PCI_ERR_IRQ_INDEX, 0, 1), ==, -EINVAL);
}

TEST(eventfd_that_follows_the_mask_is_not_supported)
{
	struct vfu_irqs irqs;

	vfu_irqs_open(&irqs);
	CHECK_INT(set(&irqs, EVENTFD | UNMASK, INTX, 0, 1), ==, -ENOTSUP);
}

TEST(descriptor_that_is_no_eventfd_is_refused)
{
	struct vfu_irqs irqs;
	int pipes[2], file = open("/dev/full", O_WRONLY),
		      timer = timerfd_create(CLOCK_MONOTONIC, 0);
	int other[2], memory = memfd_create("no eventfd", 0);

	CHECK_INT(pipe(pipes), ==, 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, other), ==, 0);
	vfu_irqs_open(&irqs);
	CHECK_INT(give(&irqs, MSIX, pipes[1]), ==, -EINVAL);
	CHECK_INT(give(&irqs, MSIX, file), ==, -EINVAL);
	CHECK_INT(give(&irqs, MSIX, timer), ==, -EINVAL);
	CHECK_INT(give(&irqs, MSIX, other[0]), ==, -EINVAL);
	CHECK_INT(give(&irqs, MSIX, memory), ==, -EINVAL);
	CHECK_INT(irqs.irq[MSIX].fd, ==, -1);
	close(pipes[0]);
	close(pipes[1]);
	close(file);
	close(timer);
	close(other[0]);
	close(other[1]);
	close(memory);
}

/* The kernel has no room for another look while the ends of signals wait to be taken. */
TEST(eventfd_is_known_as_one_after_any_number_of_signals)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), i;

	CHECK_INT(fd, >=, 0);
	for (i = 0; i < 3000; i++) {
		CHECK_INT(vfu_event_signal(fd), ==, 0);
		CHECK(vfu_event_is_one(fd));
	}
	close(fd);
}

/* A client that never reads, on a descriptor that it made to block. */
TEST(full_eventfd_does_not_block)
{
	int fd = eventfd(0, 0);
	uint64_t most = UINT64_MAX - 1;
	struct vfu_irqs irqs;
	int i;

	vfu_irqs_open(&irqs);
	give(&irqs, MSIX, fd);
	CHECK_INT(write(fd, &most, sizeof(most)), ==, sizeof(most));
	CHECK_INT(fcntl(fd, F_SETFL, 0), ==, 0); /* the last word: nothing of ours undoes it */
	for (i = 0; i < 1000; i++)
		CHECK(vfu_irq_raise(&irqs, MSIX));
	CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, ==, 0);
	vfu_irqs_close(&irqs);
	close(fd);
}

TEST(low_level_takes_a_waiting_intx_back)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vfu_irqs irqs;

	vfu_irqs_open(&irqs);
	give(&irqs, INTX, fd);
	vfu_irq_level(&irqs, INTX, true);
	vfu_irq_level(&irqs, INTX, true);
	CHECK_INT(events(fd), ==, 1); /* it masked itself */
	vfu_irq_level(&irqs, INTX, false);
	CHECK_INT(set(&irqs, NONE | UNMASK, INTX, 0, 1), ==, 0);
	CHECK_INT(events(fd), ==, 0);
	vfu_irqs_close(&irqs);
	close(fd);
}

TEST(intx_that_is_taken_away_starts_anew_unmasked)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vfu_irqs irqs;

	vfu_irqs_open(&irqs);
	give(&irqs, INTX, fd);
	vfu_irq_level(&irqs, INTX, true);
	CHECK_INT(events(fd), ==, 1);
	CHECK_INT(set(&irqs, EVENTFD | TRIGGER, INTX, 0, 1), ==, 0);
	vfu_irq_level(&irqs, INTX, true);
	CHECK_INT(give(&irqs, INTX, fd), ==, 0);
	CHECK_INT(events(fd), ==, 1);
	vfu_irqs_close(&irqs);
	close(fd);
}

TEST_MAIN("vfu_irq")
