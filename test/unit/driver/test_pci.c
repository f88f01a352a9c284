/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The PCI front door on a function that the model answers (fake_pci.h). */

#include <errno.h>

#include "fake_pci.h"
#include "ioat_defer.h"

static bool
id_is_known(uint16_t device)
{
	const struct rte_pci_id *id;

	for (id = fake_id_table(); id->vendor_id != 0; id++)
		if (id->vendor_id == IOAT_PCI_VENDOR_INTEL && id->device_id == device)
			return true;
	return false;
}

TEST(all_ids_with_the_layout_of_version_3_are_known_and_no_others)
{
	static const struct {
		uint16_t first, last;
	} range[] = {
		{0x0b00, 0x0b00}, {0x0c50, 0x0c53}, {0x0e20, 0x0e27}, {0x0e2e, 0x0e2f},
		{0x2021, 0x2021}, {0x2f20, 0x2f27}, {0x2f2e, 0x2f2f}, {0x3429, 0x342c},
		{0x3430, 0x3433}, {0x3710, 0x3719}, {0x3c20, 0x3c27}, {0x3c2e, 0x3c2f},
		{0x6f20, 0x6f27}, {0x6f2e, 0x6f2f}, {0x6f50, 0x6f53},
	};
	unsigned int id, i;
	bool want;

	for (id = 0; id <= UINT16_MAX; id++) {
		want = false;
		for (i = 0; i < RTE_DIM(range); i++)
			want |= id >= range[i].first && id <= range[i].last;
		CHECK_INT(id_is_known((uint16_t)id), ==, want);
	}
}

TEST(one_channel_carries_the_name_of_its_function_and_copies)
{
	uint8_t a[100], b[100] = {0};
	int16_t id;

	fake_plug(IOAT_MODEL_ICX, 1);
	id = fake_start();
	memset(a, 0x42, sizeof(a));
	CHECK_INT(
		rte_dma_copy(id, 0, (uintptr_t)a, (uintptr_t)b, sizeof(a), RTE_DMA_OP_FLAG_SUBMIT),
		==, 0);
	fake_run();
	CHECK_INT(rte_dma_completed(id, 0, 1, NULL, NULL), ==, 1);
	CHECK_MEM(a, b, sizeof(a));
	CHECK_INT(rte_dma_stop(id), ==, 0);
	fake_unplug();
}

TEST(several_channels_become_several_dmadevs)
{
	fake_plug(IOAT_MODEL_SKX, FAKE_CHANNELS);
	CHECK_INT(fake_probe(), ==, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name("0000:00:04.0"), <, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name("0000:00:04.0_ch0"), >=, 0);
	CHECK_INT(rte_dma_get_dev_id_by_name("0000:00:04.0_ch3"), >=, 0);
	fake_unplug();
	CHECK_INT(rte_dma_get_dev_id_by_name("0000:00:04.0_ch3"), <, 0);
}

/* On parts before 3.3, and on Skylake. */
TEST(reset_clears_chanerr_int_in_configuration_space)
{
	static const enum ioat_model_device parts[] = {IOAT_MODEL_IVB, IOAT_MODEL_SKX};
	unsigned int i;

	for (i = 0; i < RTE_DIM(parts); i++) {
		fake_plug(parts[i], 1);
		fake.chanerr_int = 0x300;
		CHECK_INT(fake_probe(), ==, 0);
		CHECK_INT(fake.chanerr_int, ==, 0);
		CHECK_INT(fake.cfg_clears, >, 0);
		fake_unplug();
	}
}

TEST(status_of_the_channel_that_sees_a_halt_makes_the_next_completion_call_find_it)
{
	enum rte_dma_vchan_status seen;
	enum rte_dma_status_code status;
	const struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_CHANERR,
	                                       .chanerr = CHANERR_SRC_ADDR};
	uint8_t a[64] = {0}, b[64];
	int16_t id;

	fake_plug(IOAT_MODEL_IVB, 1); /* no word says that it halted */
	id = fake_start();
	CHECK_INT(ioat_model_inject(fake.model, 0, &fault), ==, 0);
	CHECK_INT(
		rte_dma_copy(id, 0, (uintptr_t)a, (uintptr_t)b, sizeof(b), RTE_DMA_OP_FLAG_SUBMIT),
		==, 0);
	fake_run();
	CHECK_INT(rte_dma_completed_status(id, 0, 1, NULL, &status), ==, 0);
	CHECK_INT(rte_dma_vchan_status(id, 0, &seen), ==, 0);
	CHECK_INT(seen, ==, RTE_DMA_VCHAN_HALTED_ERROR);
	CHECK_INT(rte_dma_completed_status(id, 0, 1, NULL, &status), ==, 1);
	CHECK_INT(status, ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(rte_dma_stop(id), ==, 0);
	fake_unplug();
}

TEST(bar_that_is_missing_or_too_small_is_refused)
{
	fake_plug(IOAT_MODEL_ICX, 1);
	fake.pci.mem_resource[0].len = 0x80;
	CHECK_INT(fake_probe(), ==, -ENODEV);
	fake.pci.mem_resource[0].addr = NULL;
	CHECK_INT(fake_probe(), ==, -ENODEV);
	ioat_model_destroy(fake.model);
}

TEST(device_that_reads_all_ones_is_refused_and_leaves_no_dmadev)
{
	fake_plug(IOAT_MODEL_ICX, 1);
	fake.gone = true;
	CHECK_INT(fake_probe(), ==, -ENODEV);
	CHECK_INT(rte_dma_count_avail(), ==, 0);
	ioat_model_destroy(fake.model);
}

TEST(device_that_refused_the_reset_of_stop_can_be_removed)
{
	const struct ioat_model_fault refuse = {.kind = IOAT_MODEL_FAULT_RESET, .count = 1000000};
	int16_t id;

	fake_plug(IOAT_MODEL_ICX, 1);
	id = fake_start();
	CHECK_INT(ioat_model_inject(fake.model, 0, &refuse), ==, 0);
	CHECK_INT(rte_dma_stop(id), ==, -ETIMEDOUT);
	fake_unplug();
}

static unsigned int zones;

static void
count_ring(const struct rte_memzone *mz, void *arg __rte_unused)
{
	zones += strncmp(mz->name, "ioat_ring_", 10) == 0;
}

static unsigned int
count_rings(void)
{
	zones = 0;
	rte_memzone_walk(count_ring, NULL);
	return zones;
}

TEST(ring_is_freed_at_close_but_never_where_the_device_may_still_write_to_it)
{
	const struct ioat_model_fault refuse = {.kind = IOAT_MODEL_FAULT_RESET, .count = 1000000};
	unsigned int before;

	(void)ioat_defer_reclaim(); /* rings of the tests before */
	before = count_rings();
	fake_plug(IOAT_MODEL_ICX, 1);
	CHECK_INT(rte_dma_stop(fake_start()), ==, 0);
	CHECK_INT(count_rings(), ==, before + 1);
	fake_unplug();
	CHECK_INT(count_rings(), ==, before + 1); /* for a call that is late */
	CHECK(ioat_defer_reclaim());
	CHECK_INT(count_rings(), ==, before);
	fake_plug(IOAT_MODEL_ICX, 1);
	fake_start();
	CHECK_INT(ioat_model_inject(fake.model, 0, &refuse), ==, 0);
	fake_unplug();
	(void)ioat_defer_reclaim();
	CHECK_INT(count_rings(), ==, before + 1);
}

TEST(later_parts_are_reset_without_configuration_space)
{
	fake_plug(IOAT_MODEL_ICX, 1);
	fake.chanerr_int = 0x300;
	CHECK_INT(fake_probe(), ==, 0);
	CHECK_INT(fake.cfg_clears, ==, 0);
	fake_unplug();
}

TEST(device_that_vanishes_can_be_removed)
{
	fake_plug(IOAT_MODEL_ICX, 1);
	CHECK_INT(fake_probe(), ==, 0);
	fake.gone = true;
	fake_unplug();
	CHECK_INT(rte_dma_count_avail(), ==, 0);
}

TEST(function_without_channels_is_refused)
{
	fake_plug(IOAT_MODEL_ICX, 1);
	fake.no_channels = true;
	CHECK_INT(fake_probe(), ==, -ENODEV);
	CHECK_INT(fake.writes, ==, 0);
	ioat_model_destroy(fake.model);
}

TEST(channel_in_use_is_refused_and_not_written_to)
{
	fake_plug(IOAT_MODEL_ICX, 1);
	CHECK_INT(fake_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, ==, 0); /* taken by this read */
	CHECK_INT(fake_probe(), ==, -EBUSY);
	CHECK_INT(fake.writes, ==, 0);
	CHECK_INT(rte_dma_count_avail(), ==, 0);
	ioat_model_destroy(fake.model);
}

TEST(channel_in_use_is_taken_over_where_the_argument_asks_for_it)
{
	char args[] = "takeover=1";

	fake_plug(IOAT_MODEL_ICX, 1);
	fake_reg(IOAT_CHANCTRL, 2);
	fake_give(args);
	CHECK_INT(fake_probe(), ==, 0);
	fake_unplug();
}

TEST(open_channel_is_marked_in_use_until_it_is_closed)
{
	int16_t id;

	fake_plug(IOAT_MODEL_ICX, 1);
	CHECK_INT(fake_probe(), ==, 0);
	CHECK_INT(fake_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, !=, 0);
	CHECK_INT(fake_remove(), ==, 0);
	CHECK_INT(fake_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, ==, 0);
	ioat_model_write(fake.model, IOAT_CHAN_BASE(0) + IOAT_CHANCTRL, 2, 0);
	id = fake_start();
	CHECK_INT(fake_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, !=, 0);
	CHECK_INT(rte_dma_stop(id), ==, 0);
	CHECK_INT(fake_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, !=, 0);
	fake_unplug();
}

TEST(channel_that_cannot_be_opened_is_given_back)
{
	const struct ioat_model_fault refuse = {.kind = IOAT_MODEL_FAULT_RESET, .count = 1};

	fake_plug(IOAT_MODEL_ICX, 1);
	CHECK_INT(ioat_model_inject(fake.model, 0, &refuse), ==, 0);
	CHECK_INT(fake_probe(), ==, -ETIMEDOUT);
	CHECK_INT(fake_reg(IOAT_CHANCTRL, 2) & CHANCTRL_IN_USE, ==, 0);
	ioat_model_destroy(fake.model);
}

TEST(closed_device_knows_no_address_to_write_to)
{
	int16_t id;

	fake_plug(IOAT_MODEL_ICX, 1);
	id = fake_start();
	CHECK_INT(fake_reg(IOAT_CHANCMP, 8), !=, 0);
	CHECK_INT(rte_dma_stop(id), ==, 0);
	CHECK_INT(rte_dma_close(id), ==, 0);
	CHECK_INT(fake_reg(IOAT_CHANCMP, 8), ==, 0);
	CHECK_INT(fake_reg(IOAT_CHAINADDR, 8), ==, 0);
	CHECK_INT(fake_reg(IOAT_CHANSTS, 8), ==, IOAT_STATE_HALTED);
	fake_unplug();
}

TEST(info_and_statistics_of_a_wrong_size_are_refused_and_write_nothing)
{
	uint8_t room[sizeof(struct rte_dma_info)], untouched[sizeof(room)];
	const struct rte_dma_dev *dmadev;
	int16_t id;

	fake_plug(IOAT_MODEL_ICX, 1);
	id = fake_start();
	dmadev = ioat_mp_dev_next(&fake.pci.device, NULL);
	CHECK_INT(dmadev->data->dev_id, ==, id);
	memset(room, 0xa5, sizeof(room));
	memset(untouched, 0xa5, sizeof(untouched));
	/* The size of a pointer is what a careless sizeof compares with. */
	CHECK_INT(dmadev->dev_ops->stats_get(dmadev, 0, (void *)room, sizeof(void *)), ==, -EINVAL);
	CHECK_INT(dmadev->dev_ops->stats_get(dmadev, 0, (void *)room,
	                                     sizeof(struct rte_dma_stats) - 1),
	          ==, -EINVAL);
	CHECK_INT(dmadev->dev_ops->dev_info_get(dmadev, (void *)room, sizeof(void *)), ==, -EINVAL);
	CHECK_MEM(room, untouched, sizeof(room));
	CHECK_INT(dmadev->dev_ops->stats_get(dmadev, 0, (void *)room, sizeof(struct rte_dma_stats)),
	          ==, 0);
	CHECK_INT(rte_dma_stop(id), ==, 0);
	fake_unplug();
}

static enum rte_dma_vchan_status
status_of(int16_t id)
{
	enum rte_dma_vchan_status status;

	CHECK_INT(rte_dma_vchan_status(id, 0, &status), ==, 0);
	return status;
}

TEST(status_is_idle_active_halted_until_the_failure_is_taken_and_idle_when_stopped)
{
	const struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_CHANERR,
	                                       .chanerr = CHANERR_READ_DATA};
	uint8_t a[64] = {0}, b[64];
	enum rte_dma_status_code st;
	int16_t id;

	fake_plug(IOAT_MODEL_ICX, 1);
	id = fake_start();
	CHECK_INT(status_of(id), ==, RTE_DMA_VCHAN_IDLE);
	rte_dma_copy(id, 0, (uintptr_t)a, (uintptr_t)b, 64, 0);
	CHECK_INT(status_of(id), ==, RTE_DMA_VCHAN_IDLE); /* not submitted */
	fake.frozen = true;
	CHECK_INT(rte_dma_submit(id, 0), ==, 0);
	CHECK_INT(status_of(id), ==, RTE_DMA_VCHAN_ACTIVE);
	fake.frozen = false;
	fake_run();
	CHECK_INT(status_of(id), ==, RTE_DMA_VCHAN_IDLE); /* done, and not taken */
	CHECK_INT(rte_dma_completed(id, 0, 1, NULL, NULL), ==, 1);
	CHECK_INT(ioat_model_inject(fake.model, 0, &fault), ==, 0);
	rte_dma_copy(id, 0, (uintptr_t)a, (uintptr_t)b, 64, RTE_DMA_OP_FLAG_SUBMIT);
	fake_run();
	CHECK_INT(status_of(id), ==, RTE_DMA_VCHAN_HALTED_ERROR);
	CHECK_INT(rte_dma_completed_status(id, 0, 1, NULL, &st), ==, 1);
	CHECK_INT(st, ==, RTE_DMA_STATUS_BUS_READ_ERROR);
	CHECK_INT(status_of(id), ==, RTE_DMA_VCHAN_IDLE); /* with an empty ring */
	CHECK_INT(rte_dma_stop(id), ==, 0);
	CHECK_INT(status_of(id), ==, RTE_DMA_VCHAN_IDLE);
	fake_unplug();
}

/* The text of rte_dma_dump(); to be freed. */
static char *
dump(int16_t id)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	CHECK_INT(rte_dma_dump(id, f), ==, 0);
	fclose(f);
	return text;
}

TEST(dump_names_the_state_and_the_errors_of_a_halted_device_and_says_that_one_is_gone)
{
	const struct ioat_model_fault fault = {.kind = IOAT_MODEL_FAULT_CHANERR,
	                                       .chanerr = CHANERR_READ_DATA | CHANERR_LENGTH};
	uint8_t a[64] = {0}, b[64];
	char *text;
	int16_t id;

	fake_plug(IOAT_MODEL_ICX, 1);
	id = fake_start();
	CHECK_INT(ioat_model_inject(fake.model, 0, &fault), ==, 0);
	rte_dma_copy(id, 0, (uintptr_t)a, (uintptr_t)b, 64, RTE_DMA_OP_FLAG_SUBMIT);
	text = dump(id);
	CHECK(strstr(text, "CHANSTS   0x0000000000000003 (HALTED,") != NULL);
	CHECK(strstr(text, "CHANERR   0x00000900 (read_data length)") != NULL);
	free(text);
	fake.gone = true;
	text = dump(id);
	CHECK(strstr(text, "the device is gone") != NULL);
	free(text);
	fake_unplug();
}

TEST(bad_arguments_are_refused_before_the_device_is_touched)
{
	static const char *const bad[] = {"takeover=2", "takeover=x", "takeover=",   "colour=red",
	                                  "device=icx", "=",          "takeover=-1", "takeover= 1",
	                                  "silent=2",   "silent=x"};
	char args[32];
	size_t i;

	for (i = 0; i < RTE_DIM(bad); i++) {
		fake_plug(IOAT_MODEL_ICX, 1);
		snprintf(args, sizeof(args), "%s", bad[i]);
		fake_give(args);
		CHECK_INT(fake_probe(), ==, -EINVAL);
		CHECK_INT(fake.writes, ==, 0);
		ioat_model_destroy(fake.model);
	}
}

/* What a process leaves that died in the middle of its work: see each test. */
static void
leave_behind(uint64_t chain, uint64_t cmp, unsigned int count)
{
	const uint32_t base = IOAT_CHAN_BASE(0);

	fake_reg(IOAT_CHANCTRL, 2);
	ioat_model_write(fake.model, base + IOAT_CHANCTRL, 2,
	                 CHANCTRL_IN_USE | CHANCTRL_ANY_ERR_ABORT | CHANCTRL_ERR_COMPL_EN);
	ioat_model_write(fake.model, base + IOAT_CHANCMP, 8, cmp);
	ioat_model_write(fake.model, base + IOAT_CHAINADDR, 8, chain);
	ioat_model_write(fake.model, base + IOAT_DMACOUNT, 2, count);
}

static void
check_next_process_copies(void)
{
	uint8_t a[64], b[64] = {0};
	char args[] = "takeover=1";
	int16_t id;

	fake_give(args);
	id = fake_start();
	memset(a, 0x24, sizeof(a));
	CHECK_INT(rte_dma_copy(id, 0, (uintptr_t)a, (uintptr_t)b, 64, RTE_DMA_OP_FLAG_SUBMIT), ==,
	          0);
	fake_run();
	CHECK_INT(rte_dma_completed(id, 0, 1, NULL, NULL), ==, 1);
	CHECK_MEM(a, b, sizeof(a));
	fake_unplug();
}

TEST(channel_that_a_dead_process_left_active_is_opened_by_the_next)
{
	static struct ioat_desc loop __rte_cache_aligned;
	static uint64_t word;

	fake_plug(IOAT_MODEL_ICX, 1);
	loop = (struct ioat_desc){.size = 8, .ctrl = DESC_CTRL_NULL, .next = (uintptr_t)&loop};
	leave_behind((uintptr_t)&loop, (uintptr_t)&word, 60000);
	CHECK_INT(fake_reg(IOAT_CHANSTS, 4) & CHANSTS_STATE, ==, IOAT_STATE_ACTIVE);
	word = 0xdead;
	check_next_process_copies();
	CHECK_INT(word, ==, 0xdead);
}

TEST(channel_that_a_dead_process_left_halted_is_opened_by_the_next)
{
	static struct ioat_desc bad __rte_cache_aligned; /* size 0 */
	static uint64_t word;

	fake_plug(IOAT_MODEL_ICX, 1);
	leave_behind((uintptr_t)&bad, (uintptr_t)&word, 1);
	ioat_model_step(fake.model, 0, 1000);
	CHECK_INT(fake_reg(IOAT_CHANSTS, 4) & CHANSTS_STATE, ==, IOAT_STATE_HALTED);
	CHECK_INT(fake_reg(IOAT_CHANERR, 4), !=, 0);
	word = 0xdead;
	check_next_process_copies();
	CHECK_INT(word, ==, 0xdead);
}

TEST_LIST

int
main(void)
{
	return eal_test_main("--no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry",
	                     "driver_pci");
}
