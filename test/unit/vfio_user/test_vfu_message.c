/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* Interrupt messages that cannot go at once: when they go, and when they are dropped. */

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

#define MSIX     VFIO_PCI_MSIX_IRQ_INDEX
#define EVENTFD  (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)
#define FLAGS    0x82u /* of the MSI-X capability */
#define ON       0x8000u
#define MASKED   0x4000u
#define COMMAND  4u
#define POWER    0xe4u
#define D3       3u
#define PENDING  IOAT_MSIX_PBA
#define SHORT_US 20000

/** A function that has MSI-X on, with an eventfd that does not block. */
static int
open_msix(struct rig *r, unsigned int flags)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	rig_open_ready(r, NULL);
	CHECK_INT(rig_set_irqs(r, EVENTFD, MSIX, 1, fd), ==, 0);
	rig_write(r, CFG, FLAGS, flags, 2);
	rig_arm(r);
	rig_copy_desc(r, 0, SRC, DST, 64, DESC_CTRL_INT_EN);
	return fd;
}

static void
close_all(struct rig *r, int fd)
{
	rig_close(r);
	close(fd);
}

static uint64_t
events_within(int fd, unsigned int us)
{
	uint64_t n = 0;

	usleep(us);
	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/** Wait for an event, RIG_WAIT_MS at most. */
static bool
comes(int fd)
{
	int i;

	for (i = 0; i < RIG_WAIT_MS; i++) {
		if (events_within(fd, 1000) != 0)
			return true;
	}
	return false;
}

TEST(reset_command_drops_a_message_behind_the_mask)
{
	struct rig r;
	int fd = open_msix(&r, ON | MASKED);

	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_INT(rig_read(&r, BAR, PENDING, 8), ==, 1);
	rig_write(&r, BAR, CHAN(IOAT_CHANCMD), CHANCMD_RESET, 1);
	CHECK_INT(rig_read(&r, BAR, PENDING, 8), ==, 0);
	rig_write(&r, CFG, FLAGS, ON, 2);
	CHECK_INT(events_within(fd, SHORT_US), ==, 0);
	close_all(&r, fd);
}

TEST(rearming_drops_a_message_behind_the_mask_of_set_irqs)
{
	struct rig r;
	int fd = open_msix(&r, ON);

	CHECK_INT(rig_set_irqs(&r, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, MSIX, 1, -1),
	          ==, 0);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_INT(rig_read(&r, BAR, PENDING, 8), ==, 1);
	rig_write(&r, BAR, CHAN(IOAT_CHANCTRL), 0x1d, 2);
	CHECK_INT(rig_read(&r, BAR, PENDING, 8), ==, 0);
	CHECK_INT(
		rig_set_irqs(&r, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, MSIX, 1, -1),
		==, 0);
	CHECK_INT(events_within(fd, SHORT_US), ==, 0);
	close_all(&r, fd);
}

TEST(message_waits_for_bus_master)
{
	struct rig r;
	int fd = open_msix(&r, ON);

	rig_write(&r, CFG, COMMAND, 2, 2);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED); /* an error interrupts, too */
	CHECK_INT(events_within(fd, SHORT_US), ==, 0);
	CHECK_INT(rig_read(&r, BAR, PENDING, 8), ==, 1);
	rig_write(&r, CFG, COMMAND, 6, 2);
	CHECK(comes(fd));
	close_all(&r, fd);
}

TEST(message_waits_for_d0)
{
	struct rig r;
	int fd = open_msix(&r, ON | MASKED);

	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	rig_write(&r, CFG, POWER, D3, 2);
	rig_write(&r, CFG, FLAGS, ON, 2);
	CHECK_INT(events_within(fd, SHORT_US), ==, 0);
	rig_write(&r, CFG, POWER, 0, 2);
	CHECK(comes(fd));
	close_all(&r, fd);
}

TEST(delayed_interrupt_comes_though_the_delay_was_switched_off)
{
	struct rig r;
	int fd = open_msix(&r, ON);

	rig_write(&r, BAR, IOAT_INTRDELAY, 16000, 2);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	rig_write(&r, BAR, IOAT_INTRDELAY, 0, 2);
	CHECK(comes(fd));
	close_all(&r, fd);
}

TEST(delay_begins_with_the_access_that_causes_the_interrupt)
{
	struct timespec begin, end;
	struct rig r;
	int fd = open_msix(&r, ON);

	rig_write(&r, BAR, IOAT_INTRDELAY, 16000, 2);
	usleep(40000);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	rig_write(&r, BAR, CHAN(IOAT_CHANCMD), CHANCMD_SUSPEND | CHANCMD_RESUME, 1);
	CHECK(comes(fd));
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK_INT((end.tv_sec - begin.tv_sec) * 1000000 + (end.tv_nsec - begin.tv_nsec) / 1000, >=,
	          16000);
	close_all(&r, fd);
}

TEST(power_states_that_do_not_exist_are_discarded)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_write(&r, CFG, POWER, 1, 2);
	CHECK_INT(rig_read(&r, CFG, POWER, 1) & 3, ==, 0);
	rig_write(&r, CFG, POWER, D3, 2);
	rig_write(&r, CFG, POWER, 2, 1);
	CHECK_INT(rig_read(&r, CFG, POWER, 1) & 3, ==, D3);
	rig_close(&r);
}

TEST_MAIN("vfu_message")
