/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* What drivers in a guest do, seen from the client's end of the socket. */

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

#define CTRL_LAST (DESC_CTRL_COMPL | DESC_CTRL_INT_EN)
#define MSIX_ON   0x8000u

static uint64_t
events(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/** An interrupt comes after CHANSTS: wait for it, RIG_WAIT_MS at most. */
static uint64_t
await_events(int fd, uint64_t want)
{
	uint64_t got = 0;
	int i;

	for (i = 0; i < RIG_WAIT_MS && got < want; i++) {
		got += events(fd);
		usleep(1000);
	}
	return got + events(fd);
}

static void
fill_source(struct rig *r, size_t len)
{
	uint8_t *src = rig_at(r, SRC);
	size_t i;

	for (i = 0; i < len; i++)
		src[i] = (uint8_t)(i * 7 + i / 256);
}

TEST(device_is_pci_with_nine_regions_and_five_interrupt_types)
{
	uint32_t info[4] = {sizeof(info), 0, 0, 0};
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_call(&r, VFU_DEVICE_GET_INFO, info, sizeof(info), info, sizeof(info)), ==,
	          sizeof(info));
	CHECK_INT(info[1], ==, VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
	CHECK_INT(info[2], ==, VFIO_PCI_NUM_REGIONS);
	CHECK_INT(info[3], ==, VFIO_PCI_NUM_IRQS);
	rig_close(&r);
}

TEST(only_bar0_and_configuration_space_have_a_size)
{
	struct rig r;
	uint32_t i;

	rig_open_ready(&r, NULL);
	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		struct vfio_region_info info = {.argsz = sizeof(info), .index = i};
		uint64_t size = i == BAR ? IOAT_BAR_SIZE : i == CFG ? 4096 : 0;

		CHECK_INT(rig_call(&r, VFU_DEVICE_GET_REGION_INFO, &info, sizeof(info), &info,
		                   sizeof(info)),
		          ==, sizeof(info));
		CHECK_INT(info.index, ==, i);
		CHECK_INT(info.size, ==, size);
		CHECK_INT(info.flags, ==, size ? 3 : 0);
	}
	rig_close(&r);
}

TEST(interrupt_types_are_intx_msix_err_and_req)
{
	static const uint32_t counts[VFIO_PCI_NUM_IRQS] = {1, 0, 1, 1, 1};
	struct rig r;
	uint32_t i;

	rig_open_ready(&r, NULL);
	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		struct vfio_irq_info info = {.argsz = sizeof(info), .index = i};

		CHECK_INT(rig_call(&r, VFU_DEVICE_GET_IRQ_INFO, &info, sizeof(info), &info,
		                   sizeof(info)),
		          ==, sizeof(info));
		CHECK_INT(info.count, ==, counts[i]);
		CHECK_INT(!!(info.flags & VFIO_IRQ_INFO_EVENTFD), ==, counts[i]);
	}
	rig_close(&r);
}

TEST(region_io_fds_offer_none)
{
	struct vfu_region_io_fds fds = {.argsz = sizeof(fds)}, back;
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(
		rig_call(&r, VFU_DEVICE_GET_REGION_IO_FDS, &fds, sizeof(fds), &back, sizeof(back)),
		==, sizeof(back));
	CHECK_MEM(&fds, &back, sizeof(back));
	rig_close(&r);
}

TEST(probe_like_linux_finds_one_channel_that_resets)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_read(&r, CFG, 0, 4), ==, 0x0b008086);
	CHECK_INT(rig_read(&r, BAR, IOAT_CBVER, 1), ==, CBVER_3_4);
	CHECK_INT(rig_read(&r, BAR, IOAT_DMACAPABILITY, 4), ==, DMACAP_BFILL);
	CHECK_INT(rig_read(&r, BAR, IOAT_CHANCNT, 1), ==, 1);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANSTS), 8), ==, IOAT_STATE_HALTED);
	rig_arm(&r);
	rig_close(&r);
}

TEST(self_test_like_linux_moves_the_data_and_interrupts_by_msix)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct rig r;
	uint64_t word;

	rig_open_ready(&r, NULL);
	rig_write(&r, CFG, 0x82, MSIX_ON, 2);
	CHECK_INT(rig_set_irqs(&r, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	                       VFIO_PCI_MSIX_IRQ_INDEX, 1, efd),
	          ==, 0);
	rig_arm(&r);
	rig_copy_desc(&r, 0, 0, 0, 1, DESC_CTRL_NULL | CTRL_LAST);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_INT(await_events(efd, 1), ==, 1);
	rig_write(&r, BAR, CHAN(IOAT_CHANCTRL), 0x1d, 2); /* rearm */
	fill_source(&r, 2000);
	rig_copy_desc(&r, 1, SRC, DST, 2000, CTRL_LAST);
	CHECK_INT(rig_ring(&r, 2), ==, IOAT_STATE_DONE);
	CHECK_INT(await_events(efd, 1), ==, 1);
	CHECK_MEM(rig_at(&r, DST), rig_at(&r, SRC), 2000);
	CHECK_INT(*(uint8_t *)rig_at(&r, DST + 2000), ==, GUARD);
	memcpy(&word, rig_at(&r, CMP), sizeof(word));
	CHECK_INT(word, ==, (RING + 64) | IOAT_STATE_DONE);
	rig_close(&r);
	close(efd);
}

TEST(every_rearmed_interrupt_is_one_event)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct rig r;
	uint16_t i;

	rig_open_ready(&r, NULL);
	rig_write(&r, CFG, 0x82, MSIX_ON, 2);
	rig_set_irqs(&r, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	             VFIO_PCI_MSIX_IRQ_INDEX, 1, efd);
	rig_arm(&r);
	for (i = 0; i < 100; i++) {
		rig_copy_desc(&r, i, SRC, DST, 100u + i, CTRL_LAST);
		CHECK_INT(rig_ring(&r, (uint16_t)(i + 1)), ==, IOAT_STATE_DONE);
		CHECK_INT(await_events(efd, 1), ==, 1);
		rig_write(&r, BAR, CHAN(IOAT_CHANCTRL), 0x1d, 2);
	}
	CHECK_INT(events(efd), ==, 0);
	rig_close(&r);
	close(efd);
}

TEST(masked_msix_is_pending_until_it_is_unmasked)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_write(&r, CFG, 0x82, 0xc000, 2);
	rig_set_irqs(&r, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	             VFIO_PCI_MSIX_IRQ_INDEX, 1, efd);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, CTRL_LAST);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_INT(rig_read(&r, BAR, IOAT_MSIX_PBA, 8), ==, 1);
	CHECK_INT(events(efd), ==, 0);
	rig_write(&r, CFG, 0x82, MSIX_ON, 2);
	CHECK_INT(events(efd), ==, 1);
	CHECK_INT(rig_read(&r, BAR, IOAT_MSIX_PBA, 8), ==, 0);
	rig_close(&r);
	close(efd);
}

TEST(rearming_takes_a_pending_message_back)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_write(&r, CFG, 0x82, 0xc000, 2);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, CTRL_LAST);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_INT(rig_read(&r, BAR, IOAT_MSIX_PBA, 8), ==, 1);
	rig_write(&r, BAR, CHAN(IOAT_CHANCTRL), 0x1d, 2);
	CHECK_INT(rig_read(&r, BAR, IOAT_MSIX_PBA, 8), ==, 0);
	rig_close(&r);
}

TEST(intx_is_masked_by_itself_and_comes_again_while_the_level_is_high)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint32_t unmask = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK;
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_set_irqs(&r, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	             VFIO_PCI_INTX_IRQ_INDEX, 1, efd);
	rig_write(&r, BAR, IOAT_INTRCTRL, INTRCTRL_MASTER_INT_EN, 1);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, CTRL_LAST);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_INT(await_events(efd, 1), ==, 1);
	CHECK_INT(rig_read(&r, CFG, 6, 2) & 8, ==, 8); /* interrupt status */
	CHECK_INT(rig_set_irqs(&r, unmask, VFIO_PCI_INTX_IRQ_INDEX, 1, -1), ==, 0);
	CHECK_INT(events(efd), ==, 1); /* nobody served it yet */
	CHECK_INT(rig_read(&r, BAR, IOAT_INTRCTRL, 1) & 3, ==, 3);
	CHECK_INT(rig_read(&r, BAR, IOAT_ATTNSTATUS, 4), ==, 1);
	CHECK_INT(rig_set_irqs(&r, unmask, VFIO_PCI_INTX_IRQ_INDEX, 1, -1), ==, 0);
	CHECK_INT(events(efd), ==, 0);
	CHECK_INT(rig_read(&r, CFG, 6, 2) & 8, ==, 0);
	rig_close(&r);
	close(efd);
}

TEST(intx_disable_in_the_command_register_holds_it_back)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_set_irqs(&r, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	             VFIO_PCI_INTX_IRQ_INDEX, 1, efd);
	rig_write(&r, CFG, 4, 0x406, 2);
	rig_write(&r, BAR, IOAT_INTRCTRL, INTRCTRL_MASTER_INT_EN, 1);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, CTRL_LAST);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_INT(events(efd), ==, 0);
	rig_write(&r, CFG, 4, 0x006, 2);
	CHECK_INT(events(efd), ==, 1);
	rig_close(&r);
	close(efd);
}

TEST(no_dma_without_bus_master)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, DESC_CTRL_COMPL);
	rig_write(&r, CFG, 4, 2, 2);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	CHECK_INT(*(uint8_t *)rig_at(&r, CMP), ==, GUARD);
	rig_write(&r, CFG, 4, 6, 2);
	rig_arm(&r);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	rig_close(&r);
}

TEST(errors_are_kept_in_chanerr_int_until_they_are_cleared_there)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_arm(&r);
	rig_copy_desc(&r, 0, 0x10, DST, 64, DESC_CTRL_COMPL); /* nothing is granted there */
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	CHECK_INT(rig_read(&r, CFG, 0x180, 4), ==, CHANERR_SRC_ADDR);
	rig_write(&r, BAR, CHAN(IOAT_CHANERR), CHANERR_SRC_ADDR, 4);
	CHECK_INT(rig_read(&r, CFG, 0x180, 4), ==, CHANERR_SRC_ADDR);
	rig_write(&r, CFG, 0x180, CHANERR_SRC_ADDR, 4);
	CHECK_INT(rig_read(&r, CFG, 0x180, 4), ==, 0);
	rig_close(&r);
}

TEST(chanerrmsk_int_in_configuration_space_holds_error_interrupts_back)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_write(&r, CFG, 0x82, MSIX_ON, 2);
	rig_set_irqs(&r, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	             VFIO_PCI_MSIX_IRQ_INDEX, 1, efd);
	rig_write(&r, CFG, 0x184, CHANERR_SRC_ADDR, 4);
	rig_arm(&r);
	rig_copy_desc(&r, 0, 0x10, DST, 64, DESC_CTRL_COMPL); /* nothing is granted there */
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	rig_write(&r, CFG, 0x184, 0, 4);
	rig_arm(&r);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	CHECK_INT(await_events(efd, 1), ==, 1); /* of the second */
	CHECK_INT(events(efd), ==, 0);
	rig_close(&r);
	close(efd);
}

/** What DPDK's driver does after an error: clear, reset, and arm without waiting. */
TEST(recovery_like_dpdk_goes_on_behind_the_failed_descriptor)
{
	struct rig r;
	uint64_t word;

	rig_open_ready(&r, NULL);
	rig_arm(&r);
	fill_source(&r, 4096);
	rig_copy_desc(&r, 0, SRC, DST, 64, DESC_CTRL_COMPL);
	rig_copy_desc(&r, 1, 0x10, DST, 64, DESC_CTRL_COMPL);
	rig_copy_desc(&r, 2, SRC, DST + 64, 4096, DESC_CTRL_COMPL);
	CHECK_INT(rig_ring(&r, 3), ==, IOAT_STATE_HALTED);
	memcpy(&word, rig_at(&r, CMP), sizeof(word));
	CHECK_INT(word, ==, RING | IOAT_STATE_HALTED);
	rig_write(&r, BAR, CHAN(IOAT_CHANERR), rig_read(&r, BAR, CHAN(IOAT_CHANERR), 4), 4);
	rig_write(&r, BAR, CHAN(IOAT_CHANCMD), CHANCMD_RESET, 1);
	rig_write(&r, BAR, CHAN(IOAT_CHAINADDR), RING + 128, 8);
	rig_write(&r, BAR, CHAN(IOAT_CHANCTRL), 0x0c, 2);
	rig_write(&r, BAR, CHAN(IOAT_CHANCMP), CMP, 8);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANSTS), 8), ==, IOAT_STATE_ARMED);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_MEM(rig_at(&r, DST + 64), rig_at(&r, SRC), 4096);
	rig_close(&r);
}

TEST(suspend_of_an_idle_channel_is_seen_by_the_next_read)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, DESC_CTRL_COMPL);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	rig_write(&r, BAR, CHAN(IOAT_CHANCMD), CHANCMD_SUSPEND, 1);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANSTS), 8) & CHANSTS_STATE, ==,
	          IOAT_STATE_SUSPENDED);
	rig_close(&r);
}

TEST(flr_resets_the_function_and_keeps_memory_and_eventfds)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_set_irqs(&r, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	             VFIO_PCI_MSIX_IRQ_INDEX, 1, efd);
	rig_write(&r, CFG, 0x82, MSIX_ON, 2);
	rig_arm(&r);
	rig_write(&r, CFG, 0x98, rig_read(&r, CFG, 0x98, 2) | 0x8000, 2);
	CHECK_INT(rig_read(&r, CFG, 0x98, 2) & 0x8000, ==, 0);
	CHECK_INT(rig_read(&r, CFG, 4, 2), ==, 0);
	CHECK_INT(rig_read(&r, CFG, 0x82, 2), ==, 0);
	rig_write(&r, CFG, 4, 6, 2);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANSTS), 8), ==, IOAT_STATE_HALTED);
	rig_write(&r, CFG, 0x82, MSIX_ON, 2);
	rig_arm(&r);
	rig_copy_desc(&r, 0, SRC, DST, 64, CTRL_LAST);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_INT(await_events(efd, 1), ==, 1);
	rig_close(&r);
	close(efd);
}

TEST(reset_message_is_a_reset_of_the_function)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_arm(&r);
	CHECK_INT(rig_call(&r, VFU_DEVICE_RESET, NULL, 0, NULL, 0), ==, 0);
	CHECK_INT(rig_read(&r, CFG, 4, 2), ==, 0);
	rig_write(&r, CFG, 4, 6, 2);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANSTS), 8), ==, IOAT_STATE_HALTED);
	rig_close(&r);
}

TEST(write_multi_makes_all_writes_in_order)
{
	struct {
		uint64_t count;
		struct vfu_region_write write[2];
	} multi = {2,
	           {{CHAN(IOAT_CHAINADDR), BAR, 4, {0}}, {CHAN(IOAT_CHAINADDR) + 4, BAR, 4, {0}}}};
	uint64_t done = 0;
	struct rig r;

	rig_open_ready(&r, NULL);
	multi.write[0].data[2] = 0x10;
	CHECK_INT(rig_call(&r, VFU_REGION_WRITE_MULTI, &multi, sizeof(multi), &done, sizeof(done)),
	          ==, sizeof(done));
	CHECK_INT(done, ==, 2);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHAINADDR), 8), ==, 0x100000);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANSTS), 8), ==, IOAT_STATE_ARMED);
	rig_close(&r);
}

TEST(latency_delays_each_descriptor)
{
	struct vfu_func_conf conf = {.device = IOAT_MODEL_ICX, .latency_ns = 20000000};
	struct timespec a, b;
	struct rig r;
	uint16_t i;

	rig_open_ready(&r, &conf);
	rig_arm(&r);
	for (i = 0; i < 5; i++)
		rig_copy_desc(&r, i, 0, 0, 8, DESC_CTRL_NULL | DESC_CTRL_COMPL);
	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK_INT(rig_ring(&r, 5), ==, IOAT_STATE_DONE);
	clock_gettime(CLOCK_MONOTONIC, &b);
	/* The last of five: after its own latency and that of those before it, some made up for. */
	CHECK_INT((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000, >=, 60);
	rig_close(&r);
}

TEST(fault_comes_again_after_each_strike)
{
	struct vfu_func_conf conf = {
		.device = IOAT_MODEL_SKX,
		.faults = 1,
		.fault = {{.again = true,
	                   .fault = {.kind = IOAT_MODEL_FAULT_CHANERR,
	                             .chanerr = CHANERR_READ_DATA,
	                             .after = 1}}},
	};
	struct rig r;
	int i;

	rig_open_ready(&r, &conf);
	rig_copy_desc(&r, 0, SRC, DST, 64, DESC_CTRL_COMPL);
	rig_copy_desc(&r, 1, SRC, DST, 64, DESC_CTRL_COMPL);
	for (i = 0; i < 3; i++) {
		rig_arm(&r);
		CHECK_INT(rig_ring(&r, 2), ==, IOAT_STATE_HALTED);
		CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANERR), 4), ==, CHANERR_READ_DATA);
	}
	rig_close(&r);
}

TEST(next_client_finds_the_function_in_power_on_state_and_without_memory)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	rig_arm(&r);
	CHECK_INT(rig_leave(&r), ==, -ECONNRESET);
	rig_join(&r);
	CHECK_INT(rig_version(&r), >, 0);
	CHECK_INT(rig_read(&r, CFG, 4, 2), ==, 0);
	rig_write(&r, CFG, 4, 6, 2);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANSTS), 8), ==, IOAT_STATE_HALTED);
	rig_arm(&r);
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED); /* no descriptor to be had */
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANERR), 4), ==, CHANERR_DESC);
	rig_close(&r);
}

TEST_MAIN("vfu_device")
